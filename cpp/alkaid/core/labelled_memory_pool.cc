#include "alkaid/core/labelled_memory_pool.h"

#include <utility>

#include "alkaid/core/borrow_pool_internal.h"

namespace alkaid {

LabelledMemoryPool::LabelledMemoryPool(MemoryPool* pool, Label label)
    : LabelledMemoryPool(internal::BorrowPool(pool), label) {}

LabelledMemoryPool::LabelledMemoryPool(std::shared_ptr<MemoryPool> pool, Label label)
    : pool_(std::move(pool)), label_(label) {}

Status LabelledMemoryPool::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  const ScopedDefaultLabel scope(label_);
  return pool_->Allocate(size, alignment, out);
}

Status LabelledMemoryPool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                                      uint8_t** ptr) {
  const ScopedDefaultLabel scope(label_);
  return pool_->Reallocate(old_size, new_size, alignment, ptr);
}

void LabelledMemoryPool::Free(uint8_t* buffer, int64_t size, int64_t alignment) {
  pool_->Free(buffer, size, alignment);
}

void LabelledMemoryPool::ReleaseUnused() { pool_->ReleaseUnused(); }
void LabelledMemoryPool::PrintStats() { pool_->PrintStats(); }
int64_t LabelledMemoryPool::bytes_allocated() const { return pool_->bytes_allocated(); }
int64_t LabelledMemoryPool::max_memory() const { return pool_->max_memory(); }
int64_t LabelledMemoryPool::total_bytes_allocated() const { return pool_->total_bytes_allocated(); }
int64_t LabelledMemoryPool::num_allocations() const { return pool_->num_allocations(); }
std::string LabelledMemoryPool::backend_name() const { return pool_->backend_name(); }

}  // namespace alkaid
