#include "alkaid/core/pools/memory_pool_stats.h"

namespace alkaid {

MemoryPoolStats::MemoryPoolStats() { counters_.Describe(this, "statistics"); }
MemoryPoolStats::~MemoryPoolStats() = default;

void MemoryPoolStats::UpdateAllocatedBytes(int64_t diff, bool is_free) {
  if (diff > 0) return counters_.DidAllocate(diff);
  counters_.DidFree(-diff);
  if (!is_free) counters_.DidAllocate(0);
}

int64_t MemoryPoolStats::bytes_allocated() const { return counters_.bytes_allocated(); }
int64_t MemoryPoolStats::max_memory() const { return counters_.max_memory(); }
int64_t MemoryPoolStats::total_bytes_allocated() const { return counters_.total_bytes_allocated(); }
int64_t MemoryPoolStats::num_allocations() const { return counters_.num_allocations(); }

}  // namespace alkaid
