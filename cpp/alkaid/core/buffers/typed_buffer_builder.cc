#include "alkaid/core/buffers/typed_buffer_builder.h"

#include <limits>

namespace alkaid {

namespace internal {

Status RefuseLength(int64_t length, int64_t value_size) {
  if (length < 0) return status::Invalid("TypedBufferBuilder: negative number of values ", length);
  return status::OutOfMemory("TypedBufferBuilder: ", length, " values of ", value_size,
                             " bytes pass the largest size, ", std::numeric_limits<int64_t>::max(),
                             " bytes");
}

}  // namespace internal

}  // namespace alkaid
