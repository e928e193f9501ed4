// A pool that refuses requests that would take the pool below past a limit.
//
// As in Arrow, the limit is on bytes_allocated() of the wrapped pool, and the figures are the
// wrapped pool's. What others take from the pool below leaves less for users of this one. It may
// pass the limit; this pool then grants nothing until it is given back. Blocks that shrink or are
// empty are never refused. For a limit on one adaptor's own blocks, use QuotaMemoryPool.
//
// Unlike Arrow's, the blocks of this pool never pass the limit together, however many threads ask
// at once: each request reserves its bytes in one atomic step before it looks at the figure. What
// others hold is the figure of the pool below less this pool's own bytes. While other threads'
// calls are in flight, the two counts can disagree. A request that would be refused then looks
// again, for at most about a tenth of a second. (A request that an observer makes inside a call in
// flight looks in vain.)
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
  // `bytes_allocated_limit`: the bytes that the pool below may have live at once, by its own
  // figure. A negative limit means 0, which lets only zero-size blocks through.
  CappedMemoryPool(PoolHandle wrapped_pool, int64_t bytes_allocated_limit);
  ~CappedMemoryPool() override = default;

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

 private:
  class Reservation;
  enum class Verdict { kGranted, kRefused, kUnclear };

  // Reserves `growth` > 0 bytes, or none. Unclear: other threads' calls are in flight.
  Verdict TryReserve(int64_t growth);
  // The same for `growth` >= 0, repeated until it is clear. `size` is what the caller requested.
  Status Reserve(int64_t growth, int64_t size);
  Status Refuse(int64_t growth, int64_t size) const;

  const int64_t limit_;
  // Live bytes that went through here: `reserved_` includes calls in flight, `settled_` does not.
  std::atomic<int64_t> reserved_{0};
  std::atomic<int64_t> settled_{0};
};

}  // namespace alkaid
