// Guarded sampling: puts a few blocks on pages of their own, between inaccessible pages.
//
//   ALKAID_GUARDED_SAMPLING=1000            one allocation in 1000, of every pool over a backend
//   ALKAID_GUARDED_SAMPLING=64MiB           one for each 64 MiB that are allocated
//   ALKAID_GUARDED_SAMPLING=1000,64MiB      both: one share of each
//
//        not accessible | page ... page                                | not accessible
//                       | canary | the block | canary, up to alignment |
//
// The block is at the end of its pages, or at their start, in turn. Two things stop the program at
// the instruction: an access past the block's pages, and an access to a freed block. A report on
// stderr names the block, its pool and label, and the stacks of the access, of the free and of the
// allocation. A write between the block and the border of its pages changes a canary, which shows
// when the block is freed or reallocated. The rates count allocations and bytes as
// num_allocations() and total_bytes_allocated() do.
//
// A guarded block does not reach the backend's allocator. The pool's figures, labels, observers and
// tracking treat it like any other. A freed block gives its memory back at once; its address stays
// inaccessible for at least two seconds, and until it is needed. There are kSlots places in all; if
// none is free, and for blocks of more than kMaxSize bytes, the backend serves.
//
// If the debug mode of pools is on (ALKAID_DEBUG_MEMORY_POOL), it checks all blocks of the built-in
// backends, and none of them is guarded.
//
// A guarded block takes the place of one of the allocator's. So the blocks of pools over an
// allocator are guarded: those of the built-in backends, and any BaseMemoryPoolImpl that a
// registered factory makes. Adaptors and other pools that a factory makes pass on the guarded
// blocks of the pool below.
//
// Ownership: as MemoryPool. Address space for guarded blocks (32 GiB, without memory) is reserved
// at first use and kept.
// Threads: all functions, from any thread; also after fork.
// Out of memory: blocks are then not guarded; what the backend refuses is refused.
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

// How many blocks are guarded. 0 means none of that kind.
struct ALKAID_EXPORT GuardedSampling {
  static constexpr int64_t kMax = int64_t{1} << 40;

  int64_t blocks = 0;  // one allocation in this many; 1 guards every one
  int64_t bytes = 0;   // one allocation for each this many bytes

  bool on() const { return blocks != 0 || bytes != 0; }

  // As in ALKAID_GUARDED_SAMPLING: a number, a number with B, KiB, MiB, GiB or TiB, or both with a
  // comma between; "" and "0" are none. kInvalidArgument names what is not understood.
  static Result<GuardedSampling> Parse(std::string_view text);
};

// What guarded sampling has done in this process, over all pools.
struct GuardedStatistics {
  static constexpr int64_t kSlots = 1196;
  static constexpr int64_t kMaxSize = int64_t{1} << 30;  // bytes, of one block

  int64_t live_blocks = 0;
  int64_t live_bytes = 0;      // as requested
  int64_t adaptor_bytes = 0;   // of these, the blocks of GuardedMemoryPools
  int64_t total_blocks = 0;    // guarded so far
  int64_t reserved_bytes = 0;  // of address space, regardless of live blocks
  int64_t passed_over = 0;     // due, but left to the backend: no free place, or too large
};
ALKAID_EXPORT GuardedStatistics GetGuardedStatistics();

// Whether an address is in the region of guarded blocks, live or freed.
ALKAID_EXPORT bool IsGuardedAddress(const void* address);

// A new pool over the named backend that guards as `sampling` says, regardless of the environment.
// kInvalidArgument if a number is negative or above kMax; kNotFound as CreateMemoryPool.
// kFailedPrecondition if a registered factory makes a pool that is not over an allocator, such as
// one with a limit: only the pool below it can guard and keep to the limit.
ALKAID_EXPORT Result<std::unique_ptr<MemoryPool>> CreateGuardedMemoryPool(
    const std::string& backend, const GuardedSampling& sampling);

// Guards blocks of any pool, with its own figures for all that passed through it. The pool below
// does not see the guarded blocks, so put labels and limits above. Costs more for every block than
// CreateGuardedMemoryPool, which decides inside the backend's pool.
class ALKAID_EXPORT GuardedMemoryPool final : public ForwardingMemoryPool {
 public:
  // A negative number guards nothing.
  GuardedMemoryPool(PoolHandle pool, const GuardedSampling& sampling);
  ~GuardedMemoryPool() override;

  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;

  // Errors of these two: as the wrapped pool.
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override;
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override;
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override;

  void PrintStats() override;

  // All blocks that passed through this pool, guarded or not.
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
