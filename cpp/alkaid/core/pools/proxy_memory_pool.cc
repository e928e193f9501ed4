#include "alkaid/core/pools/proxy_memory_pool.h"

#include <utility>

#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/checked_allocation.h"
#include "alkaid/core/pools/print_stats_internal.h"

namespace alkaid {

ProxyMemoryPool::ProxyMemoryPool(PoolHandle pool) : ForwardingMemoryPool(std::move(pool)) {
  counters_.Describe(this, "proxy of " + wrapped()->backend_name());
}

Status ProxyMemoryPool::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  ALKAID_RETURN_NOT_OK(internal::AllocateChecked(wrapped(), size, alignment, out));
  counters_.DidAllocate(size);
  return absl::OkStatus();
}

Status ProxyMemoryPool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                                   uint8_t** ptr) {
  ALKAID_RETURN_NOT_OK(internal::ReallocateChecked(wrapped(), old_size, new_size, alignment, ptr));
  counters_.DidReallocate(old_size, new_size);
  return absl::OkStatus();
}

void ProxyMemoryPool::Free(uint8_t* buffer, int64_t size, int64_t alignment) {
  wrapped()->Free(buffer, size, alignment);
  counters_.DidFree(size);
}

void ProxyMemoryPool::PrintStats() {
  internal::PrintAdaptorStats("proxy pool", *this);
  wrapped()->PrintStats();
}

int64_t ProxyMemoryPool::bytes_allocated() const { return counters_.bytes_allocated(); }
int64_t ProxyMemoryPool::max_memory() const { return counters_.max_memory(); }
int64_t ProxyMemoryPool::total_bytes_allocated() const { return counters_.total_bytes_allocated(); }
int64_t ProxyMemoryPool::num_allocations() const { return counters_.num_allocations(); }

}  // namespace alkaid
