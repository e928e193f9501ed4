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
// It counts as the library's own pools do, without a locked instruction (thread_counters.h says
// how, and by how much the peak of several threads may be too high). Debuggers list it as
// "statistics". A leak profile does not count its bytes as live memory, since the pool may be over
// one that counts the same blocks.
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

  // A block of `size` was allocated, freed or resized. A reallocation that grows counts as an
  // allocation of the difference, any other as a free of it.
  void DidAllocateBytes(int64_t size) { counters_.DidAllocate(size); }
  void DidFreeBytes(int64_t size) { counters_.DidFree(size); }
  void DidReallocateBytes(int64_t old_size, int64_t new_size) {
    counters_.DidReallocate(old_size, new_size);
  }
  // The same under the name of older versions of Arrow: `diff` bytes more, or fewer if negative.
  // Counts as an allocation unless it is a free.
  void UpdateAllocatedBytes(int64_t diff, bool is_free = false);

  // As MemoryPool's functions of the same names.
  int64_t bytes_allocated() const;
  int64_t max_memory() const;
  int64_t total_bytes_allocated() const;
  int64_t num_allocations() const;

 private:
  internal::PoolCounters counters_;
};

namespace internal {
// Arrow has it here.
using alkaid::MemoryPoolStats;
}  // namespace internal

}  // namespace alkaid
