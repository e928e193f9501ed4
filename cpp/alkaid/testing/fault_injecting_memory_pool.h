// A pool that fails when it is told to.
//
// To try what code does at each of its allocation points, fail them one after the other until the
// code gets through:
//
//   for (int64_t n = 1;; ++n) {
//     pool.fail_after(n);
//     if (RunTheCode(&pool).ok()) break;          // fewer than n allocations: all were tried
//     EXPECT_EQ(pool.bytes_allocated(), before);  // nothing was left behind
//   }
//   pool.fail_after(0);
//
// ForEachAllocationFailure below is that loop.
//
// Ownership: borrows the pool, or shares it when given a shared_ptr; statistics and name are the
// wrapped pool's.
// Threads: all functions, from any thread; one failure that is armed strikes exactly one call.
// Out of memory: as the wrapped pool, and on command: kResourceExhausted, with the words "injected
// failure", nothing done.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "alkaid/core/pools/forwarding_memory_pool.h"

namespace alkaid {

class FaultInjectingMemoryPool final : public ForwardingMemoryPool {
 public:
  explicit FaultInjectingMemoryPool(PoolHandle pool);
  ~FaultInjectingMemoryPool() override = default;

  // The n-th allocation or reallocation from now (1 = the very next) fails; the ones after it work
  // again. Every call counts, whatever its size. 0 or less: no failure, and one that was armed is
  // called off.
  void fail_after(int64_t n) { Arm(n, false); }
  // The same, but the ones after it fail too, until another of the two is called.
  void fail_from(int64_t n) { Arm(n, true); }

  // Calls seen so far, those that failed included.
  int64_t allocations_seen() const { return allocations_.load(); }
  int64_t reallocations_seen() const { return reallocations_.load(); }
  int64_t frees_seen() const { return frees_.load(); }
  // Calls that failed on command.
  int64_t failures_injected() const { return failures_.load(); }

  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;

  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override;
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override;
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override;

 private:
  void Arm(int64_t n, bool all_that_follow);
  // True for a call that is to fail.
  bool Strikes();

  std::atomic<bool> all_that_follow_{false};
  std::atomic<int64_t> countdown_{0};  // calls up to and with the one to fail; 0: none is armed
  std::atomic<int64_t> allocations_{0};
  std::atomic<int64_t> reallocations_{0};
  std::atomic<int64_t> frees_{0};
  std::atomic<int64_t> failures_{0};
};

// Runs `code` again and again over a FaultInjectingMemoryPool on `pool`, failing its first, second,
// ... allocation, until it gets through without meeting the failure. Fails the current test where a
// struck run does not return kResourceExhausted, where a run leaves `pool`'s bytes_allocated()
// other than it was, where the code fails unstruck, or where more than 10,000 runs do not get
// through. Returns the number of allocation points that were tried, so that a test can assert that
// there were any. `code` must drop whatever it made before it returns.
int64_t ForEachAllocationFailure(MemoryPool* pool,
                                 const std::function<Status(FaultInjectingMemoryPool*)>& code);

}  // namespace alkaid
