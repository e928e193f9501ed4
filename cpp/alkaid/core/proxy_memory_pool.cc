#include "alkaid/core/proxy_memory_pool.h"

#include <utility>

#include "alkaid/core/borrow_pool_internal.h"

namespace alkaid {

ProxyMemoryPool::ProxyMemoryPool(MemoryPool* pool) : ProxyMemoryPool(internal::BorrowPool(pool)) {}

ProxyMemoryPool::ProxyMemoryPool(std::shared_ptr<MemoryPool> pool) : pool_(std::move(pool)) {
  counters_.Describe(this, "proxy of " + pool_->backend_name());
}

Status ProxyMemoryPool::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  ALKAID_RETURN_NOT_OK(pool_->Allocate(size, alignment, out));
  counters_.DidAllocate(size);
  return absl::OkStatus();
}

Status ProxyMemoryPool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                                   uint8_t** ptr) {
  ALKAID_RETURN_NOT_OK(pool_->Reallocate(old_size, new_size, alignment, ptr));
  counters_.DidReallocate(old_size, new_size);
  return absl::OkStatus();
}

void ProxyMemoryPool::Free(uint8_t* buffer, int64_t size, int64_t alignment) {
  pool_->Free(buffer, size, alignment);
  counters_.DidFree(size);
}

void ProxyMemoryPool::ReleaseUnused() { pool_->ReleaseUnused(); }
void ProxyMemoryPool::PrintStats() {
  MemoryPool::PrintStats();
  pool_->PrintStats();
}

int64_t ProxyMemoryPool::bytes_allocated() const { return counters_.bytes_allocated(); }
int64_t ProxyMemoryPool::max_memory() const { return counters_.max_memory(); }
int64_t ProxyMemoryPool::total_bytes_allocated() const { return counters_.total_bytes_allocated(); }
int64_t ProxyMemoryPool::num_allocations() const { return counters_.num_allocations(); }
std::string ProxyMemoryPool::backend_name() const { return pool_->backend_name(); }

}  // namespace alkaid
