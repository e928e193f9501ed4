// A pool that refuses what would take the pool below past a limit.
//
// As Arrow's: the limit is on bytes_allocated() of the wrapped pool, also on what others took there,
// and the figures are the wrapped pool's. What others take from the pool below leaves less for users of
// this one; what they take past the limit is not prevented, and this pool then grants nothing until
// it is gone. Blocks that shrink, or are empty, are never refused. A limit on what goes through one
// adaptor alone is QuotaMemoryPool.
//
// Unlike Arrow's, what goes through this pool never passes the limit, however many threads ask at
// once: each request reserves its bytes, in one atomic step, before it looks. What others have is
// the figure of the pool below without what went through here. Where calls of other threads are
// between the two accounts, a request that the figure would refuse looks again, for about a tenth
// of a second at most (a call from an observer within one that is in flight looks in vain).
//
// Ownership: borrows the pool, or shares it when given a shared_ptr.
// Threads: all functions, from any thread. They share two atomics, and each request that grows asks
// the pool below for its figure: with many threads that costs more than a plain pool.
// Out of memory and over the limit: kResourceExhausted; over the limit, the message names the
// request, the limit and what is in use.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "alkaid/base/export.h"
#include "alkaid/core/pools/forwarding_memory_pool.h"

namespace alkaid {

class ALKAID_EXPORT CappedMemoryPool : public ForwardingMemoryPool {
 public:
  // `bytes_allocated_limit`: bytes that the pool below may have live at once, by its own figure; a
  // negative limit is as good as 0, which lets only zero-size blocks through.
  CappedMemoryPool(MemoryPool* wrapped_pool, int64_t bytes_allocated_limit);
  CappedMemoryPool(std::shared_ptr<MemoryPool> wrapped_pool, int64_t bytes_allocated_limit);
  ~CappedMemoryPool() override = default;

  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;

  // A negative size or an alignment that no pool grants: kInvalidArgument, whatever is in use.
  // Other errors: those of the wrapped pool.
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override;
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override;

  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override;

  void PrintStats() override;

  int64_t bytes_limit() const { return limit_; }

 private:
  class Reservation;
  enum class Verdict { kGranted, kRefused, kUnclear };

  // Reserves `growth` > 0 bytes, or none. Unclear: calls of other threads are in flight.
  Verdict TryReserve(int64_t growth);
  // The same for `growth` >= 0, until it is clear. `size` is what the caller asked for.
  Status Reserve(int64_t growth, int64_t size);
  Status Refuse(int64_t growth, int64_t size) const;

  const int64_t limit_;
  // Bytes that went through here and are live, with those of calls in flight, and without.
  std::atomic<int64_t> reserved_{0};
  std::atomic<int64_t> settled_{0};
};

}  // namespace alkaid
