#include "alkaid/core/buffers/mutable_buffer.h"

#include <limits>

namespace alkaid {

Status ResizableBuffer::LengthOverflow(int64_t length, int64_t value_size) {
  if (length < 0) return status::Invalid("ResizableBuffer: negative length ", length);
  return status::OutOfMemory("ResizableBuffer: ", length, " values of ", value_size,
                             " bytes pass the largest size, ", std::numeric_limits<int64_t>::max(),
                             " bytes");
}

}  // namespace alkaid
