// MemoryPoolStats: the figures of a pool that a program writes itself.
//
//   class MyPool : public alkaid::MemoryPool {
//     Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
//       ... stats_.DidAllocateBytes(size); ...
//     }
//     int64_t bytes_allocated() const override { return stats_.bytes_allocated(); }
//     ...
//     alkaid::MemoryPoolStats stats_;
//   };
//
// They are counted as those of the library's own pools, without a locked instruction
// (thread_counters.h says how, and by how much the peak of several threads may be too high).
// Debuggers list them as "statistics"; the memory that a leak profile calls live leaves them out,
// since the pool may stand over one that counts the same blocks.
//
// Ownership: a member of the pool; cannot be copied or moved. Threads: all functions, from any
// thread. Out of memory: a thread that can get no counters of its own counts on shared ones.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/core/pools/thread_counters.h"

namespace alkaid {

// Sizes are in bytes and not negative.
class ALKAID_EXPORT MemoryPoolStats {
 public:
  MemoryPoolStats();
  ~MemoryPoolStats();
  MemoryPoolStats(const MemoryPoolStats&) = delete;
  MemoryPoolStats& operator=(const MemoryPoolStats&) = delete;

  // A block of `size` came, went, or changed its size. A reallocation that grows counts as an
  // allocation of the difference, any other as a free of it.
  void DidAllocateBytes(int64_t size) { counters_.DidAllocate(size); }
  void DidFreeBytes(int64_t size) { counters_.DidFree(size); }
  void DidReallocateBytes(int64_t old_size, int64_t new_size) {
    counters_.DidReallocate(old_size, new_size);
  }
  // The same as older versions of Arrow spell it: `diff` bytes more, or fewer where it is negative.
  // Counts as an allocation unless it is a free.
  void UpdateAllocatedBytes(int64_t diff, bool is_free = false);

  // What a pool answers by the same names (memory_pool.h).
  int64_t bytes_allocated() const;
  int64_t max_memory() const;
  int64_t total_bytes_allocated() const;
  int64_t num_allocations() const;

 private:
  internal::PoolCounters counters_;
};

namespace internal {
// Where Arrow has it.
using alkaid::MemoryPoolStats;
}  // namespace internal

}  // namespace alkaid
