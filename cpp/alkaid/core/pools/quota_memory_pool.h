// A pool that hands out no more than its quota.
//
// Gives a part of a program a share of a pool: only what goes through this adaptor counts, whatever
// the pool below holds for others. For a limit on all of the pool below, use CappedMemoryPool.
//
// Reserves before it allocates, in one atomic step, so two threads cannot pass the quota together.
// Gives the reservation back if the allocator fails or the pool below throws. A reallocation that
// grows reserves the difference; one that shrinks gives it back once it is done. Requested bytes
// are counted, as in every pool, not what the allocator rounds them up to.
//
// Ownership: borrows the pool, or shares it when given a shared_ptr.
// Threads: all functions, from any thread. The reservation is one shared atomic: unlike with other
// pools, threads on one quota pool slow each other down.
// Out of memory and over the limit: kResourceExhausted; over the limit, the message names the
// request, the limit and what is in use.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "alkaid/base/export.h"
#include "alkaid/core/pools/forwarding_memory_pool.h"
#include "alkaid/core/pools/thread_counters.h"

namespace alkaid {

class ALKAID_EXPORT QuotaMemoryPool : public ForwardingMemoryPool {
 public:
  // `bytes_limit`: the bytes that may be live at once. A negative limit means 0, which lets only
  // zero-size blocks through.
  QuotaMemoryPool(PoolHandle pool, int64_t bytes_limit);
  ~QuotaMemoryPool() override = default;

  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;

  // A negative size or an invalid alignment: kInvalidArgument, whatever is in use. Other errors: as
  // the wrapped pool.
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override;
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override;
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override;

  void PrintStats() override;

  int64_t bytes_limit() const { return limit_; }

  // Only what passed through this pool. max_memory() never exceeds bytes_limit().
  int64_t bytes_allocated() const override;
  int64_t max_memory() const override;
  int64_t total_bytes_allocated() const override;
  int64_t num_allocations() const override;

 private:
  class Reservation;

  // Takes `growth` >= 0 bytes from the quota, or fails and takes none. `size` is what the caller
  // requested.
  Status Reserve(int64_t growth, int64_t size);
  void Unreserve(int64_t bytes);

  const int64_t limit_;
  std::atomic<int64_t> reserved_{0};
  internal::PoolCounters counters_;
};

}  // namespace alkaid
