// Guarded sampling: a few blocks stand on pages of their own, between pages that nobody can touch.
//
//   ALKAID_GUARDED_SAMPLING=1000            one allocation in 1000, of every pool over a backend
//   ALKAID_GUARDED_SAMPLING=64MiB           one for each 64 MiB that are allocated
//   ALKAID_GUARDED_SAMPLING=1000,64MiB      both: one share of each
//
//        not accessible | page ... page                                | not accessible
//                       | canary | the block | canary, up to alignment |
//
// The block stands at the end of its pages, or at their start, by turns. A read or write past its
// pages, or of a block that was freed, stops the program at the instruction, and a report on stderr
// names the block, its pool and label, and the stacks of the access, of who freed it and of who
// allocated it. Writes between the block and the border of its pages show in a canary, when it is
// freed or reallocated. What is allocated and grows is counted as num_allocations() and
// total_bytes_allocated() count it.
//
// A guarded block does not reach the backend's allocator. The pool's figures, labels, observers and
// tracking see it as any other. Freed blocks give their memory back at once; their addresses stay
// without access for two seconds at least, and until they are needed. There are kSlots places in
// all; where none is free, and for blocks of more than kMaxSize bytes, the backend serves.
//
// Where the debug mode of pools is on (ALKAID_DEBUG_MEMORY_POOL), it looks after all blocks of the
// built-in backends, and these guard none.
//
// A guarded block takes the place of one of the allocator's. So the blocks of pools over an
// allocator are guarded: those of the built-in backends, and what a registered factory makes that
// is a BaseMemoryPoolImpl. Adaptors and other pools that a factory makes hand on what the pool
// below guards.
//
// Ownership: as MemoryPool; address space for guarded blocks (32 GiB, without memory) is reserved
// at first use and kept.
// Threads: all functions, from any thread; also after fork.
// Out of memory: blocks are not guarded then; what the backend refuses is refused.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/pools/forwarding_memory_pool.h"
#include "alkaid/core/pools/thread_counters.h"

namespace alkaid {

// How many blocks are guarded. 0 is none of that kind.
struct ALKAID_EXPORT GuardedSampling {
  static constexpr int64_t kMost = int64_t{1} << 40;

  int64_t blocks = 0;  // one allocation in so many; 1 is every one
  int64_t bytes = 0;   // one for each so many bytes

  bool on() const { return blocks != 0 || bytes != 0; }

  // As in ALKAID_GUARDED_SAMPLING: a number, a number with B, KiB, MiB, GiB or TiB, or both with a
  // comma between; "" and "0" are none. kInvalidArgument names what is not understood.
  static Result<GuardedSampling> Parse(std::string_view text);
};

// What became of guarded sampling in this process, over all pools.
struct GuardedStatistics {
  static constexpr int64_t kSlots = 1196;
  static constexpr int64_t kMaxSize = int64_t{1} << 30;  // bytes, of one block

  int64_t live_blocks = 0;
  int64_t live_bytes = 0;      // as asked for
  int64_t adaptor_bytes = 0;   // of these, the blocks of GuardedMemoryPools
  int64_t total_blocks = 0;    // guarded so far
  int64_t reserved_bytes = 0;  // of address space, whatever is live
  int64_t passed_over = 0;     // due, and left to the backend: no place was free, or too large
};
ALKAID_EXPORT GuardedStatistics GetGuardedStatistics();

// Whether an address lies where guarded blocks do, live or freed.
ALKAID_EXPORT bool IsGuardedAddress(const void* address);

// A new pool over the named backend that guards as `sampling` says, whatever the environment does.
// kInvalidArgument where a number is negative or above kMost, kNotFound as CreateMemoryPool,
// kFailedPrecondition where a registered factory makes a pool that is over no allocator, such as
// one with a limit: only the pool below it can guard and keep to the limit.
ALKAID_EXPORT Result<std::unique_ptr<MemoryPool>> CreateGuardedMemoryPool(
    const std::string& backend, const GuardedSampling& sampling);

// The same for blocks of any pool, with figures of its own over all that passed through it. The
// pool below does not see the guarded ones: labels and limits go above. Dearer for every block than
// CreateGuardedMemoryPool, which asks inside the backend's pool.
class ALKAID_EXPORT GuardedMemoryPool final : public ForwardingMemoryPool {
 public:
  // A number that is negative guards nothing.
  GuardedMemoryPool(MemoryPool* pool, const GuardedSampling& sampling);
  GuardedMemoryPool(std::shared_ptr<MemoryPool> pool, const GuardedSampling& sampling);
  ~GuardedMemoryPool() override;

  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;

  // Errors of these two: those of the wrapped pool.
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override;
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override;
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override;

  void PrintStats() override;

  // What passed through this pool, guarded or not.
  int64_t bytes_allocated() const override;
  int64_t max_memory() const override;
  int64_t total_bytes_allocated() const override;
  int64_t num_allocations() const override;

 private:
  struct Guard;
  Status EnterSlot(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr);
  Status LeaveSlot(int64_t old_size, int64_t new_size, int64_t alignment, bool takes,
                   uint8_t** ptr);

  const std::unique_ptr<Guard> guard_;
  internal::PoolCounters counters_;
};

}  // namespace alkaid
