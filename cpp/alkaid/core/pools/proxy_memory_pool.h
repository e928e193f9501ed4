// A pool with figures of its own over another pool.
//
// Gives a part of a program its own view of what it holds, while the wrapped pool still counts
// everything. Statistics start at zero.
//
// Ownership: borrows the pool, or shares it when given a shared_ptr.
// Threads: all functions, from any thread. Counting costs a locked instruction only when the
// thread's announced share changes, or on a thread that has no line (thread_counters.h).
// Out of memory: as the wrapped pool; a call that failed or threw is not counted.
#pragma once

#include <memory>

#include "alkaid/base/export.h"
#include "alkaid/core/pools/forwarding_memory_pool.h"
#include "alkaid/core/pools/thread_counters.h"

namespace alkaid {

class ALKAID_EXPORT ProxyMemoryPool : public ForwardingMemoryPool {
 public:
  explicit ProxyMemoryPool(PoolHandle pool);
  ~ProxyMemoryPool() override = default;

  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;

  // Errors of these two: as the wrapped pool.
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override;
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override;
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override;

  void PrintStats() override;

  // Only what passed through this pool.
  int64_t bytes_allocated() const override;
  int64_t max_memory() const override;
  int64_t total_bytes_allocated() const override;
  int64_t num_allocations() const override;

 private:
  internal::PoolCounters counters_;
};

}  // namespace alkaid
