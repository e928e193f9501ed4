#include "alkaid/core/pools/labelled_memory_pool.h"

#include <utility>

namespace alkaid {

LabelledMemoryPool::LabelledMemoryPool(PoolHandle pool, Label label)
    : ForwardingMemoryPool(std::move(pool)), label_(label) {}

Status LabelledMemoryPool::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  const ScopedDefaultLabel scope(label_);
  return wrapped()->Allocate(size, alignment, out);
}

Status LabelledMemoryPool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                                      uint8_t** ptr) {
  const ScopedDefaultLabel scope(label_);
  return wrapped()->Reallocate(old_size, new_size, alignment, ptr);
}

}  // namespace alkaid
