#include "alkaid/core/pools/forwarding_memory_pool.h"

#include <utility>

namespace alkaid {

ForwardingMemoryPool::ForwardingMemoryPool(PoolHandle pool) : pool_(std::move(pool)) {}

Status ForwardingMemoryPool::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  return pool_->Allocate(size, alignment, out);
}

Status ForwardingMemoryPool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                                        uint8_t** ptr) {
  return pool_->Reallocate(old_size, new_size, alignment, ptr);
}

void ForwardingMemoryPool::Free(uint8_t* buffer, int64_t size, int64_t alignment) {
  pool_->Free(buffer, size, alignment);
}

void ForwardingMemoryPool::ReleaseUnused() { pool_->ReleaseUnused(); }
void ForwardingMemoryPool::PrintStats() { pool_->PrintStats(); }

int64_t ForwardingMemoryPool::bytes_allocated() const { return pool_->bytes_allocated(); }
int64_t ForwardingMemoryPool::max_memory() const { return pool_->max_memory(); }
int64_t ForwardingMemoryPool::total_bytes_allocated() const {
  return pool_->total_bytes_allocated();
}
int64_t ForwardingMemoryPool::num_allocations() const { return pool_->num_allocations(); }
std::string ForwardingMemoryPool::backend_name() const { return pool_->backend_name(); }

}  // namespace alkaid
