// The places of guarded blocks (guarded_memory_pool.h): one region of address space, cut into slots
// of ten sizes, and a record of the latest block in each.
//
//   region   | 2 MiB no access | slots of 4 KiB | slots of 16 KiB | ... | slots of 1 GiB | unused |
//   slot     | pages for a block of up to the slot's size | at least as much without access |
//
// Only the pages that a block touches are ever accessible, and only while it lives. So an address
// alone identifies its slot, without a lock: a signal handler does that.
//
// Slots that were never used come first, then the one that has been free longest, once kQuarantine
// has passed. The slots of one size are reused one at a time, at equal intervals, not all at once.
// This bounds the cost of sampling for a program that allocates very fast: at most 256 blocks of up
// to 4 KiB a second, at about 10 us each.
//
// Ownership: region and records live as long as the process; a forked child inherits them. Threads:
// any; the lists are under one lock, a block's record belongs to its owner. Out of memory:
// AllocateGuarded returns null.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/core/pools/fault_text_internal.h"
#include "alkaid/core/pools/guarded_memory_pool.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::internal {

// Slots of one size. `size`: bytes of each; the least is a page. `count`: how many.
struct GuardedSlotSize {
  int64_t size;
  uint32_t count;
  // From one slot's start to the next slot's start.
  constexpr int64_t stride() const {
    constexpr int64_t kMin = 64 << 10;
    return size * 2 > kMin ? size * 2 : kMin;
  }
};
inline constexpr GuardedSlotSize kGuardedSlotSizes[] = {
    {4 << 10, 512},  {16 << 10, 128},
    {64 << 10, 128}, {256 << 10, 128},
    {1 << 20, 128},  {4 << 20, 64},
    {16 << 20, 64},  {64 << 20, 32},
    {256 << 20, 8},  {GuardedStatistics::kMaxSize, 4},
};
inline constexpr size_t kGuardedSlotSizeCount = std::size(kGuardedSlotSizes);
inline constexpr int64_t kGuardedMargin = 2 << 20;

// The region has 32 GiB and begins at a multiple of that, so that a shift and a comparison show
// whether an address is in it.
inline constexpr int kGuardedRegionBits = 35;
inline constexpr int64_t kGuardedRegionSize = int64_t{1} << kGuardedRegionBits;
static_assert([] {
  int64_t sum = kGuardedMargin;
  for (const GuardedSlotSize& slots : kGuardedSlotSizes) sum += slots.stride() * slots.count;
  return sum <= kGuardedRegionSize;
}());
static_assert([] {
  int64_t count = 0;
  for (const GuardedSlotSize& slots : kGuardedSlotSizes) count += slots.count;
  return count == GuardedStatistics::kSlots;
}());

// The backend whose figures include a block, since the allocator's own do not.
enum class GuardedAccount : uint8_t { kSystem, kJemalloc, kMimalloc, kOther };
inline constexpr size_t kGuardedAccounts = 4;
GuardedAccount GuardedAccountOf(std::string_view backend);

// The pool that a block belongs to, for reports.
struct ALKAID_EXPORT GuardedOwner {
  GuardedOwner(const MemoryPool* its_pool, std::string_view name, GuardedAccount its_account);

  const MemoryPool* pool;
  char backend[24];
  GuardedAccount account;
};

// A block as the caller of a free or reallocation describes it. `owner`: the pool that was called.
struct GuardedClaim {
  uint8_t* ptr;
  const GuardedOwner& owner;
  int64_t size;
  int64_t alignment;
};

// The record of a slot's latest block.
struct GuardedSlot {
  enum State : uint32_t { kUnused, kChanging, kLive, kFreed };

  std::atomic<uint32_t> state{kUnused};
  uint32_t next = 0;     // in the list of free slots
  int64_t freed_at = 0;  // ns of a monotonic clock
  uint8_t* base = nullptr;
  uint8_t* start = nullptr;  // of the block
  uint8_t* first = nullptr;  // of its pages
  uint8_t* last = nullptr;   // past its pages
  std::atomic<int64_t> size{0};
  int64_t alignment = 0;
  const MemoryPool* pool = nullptr;
  char backend[24] = {};
  uint32_t label = 0;
  GuardedAccount account = GuardedAccount::kOther;
  std::atomic<bool> reported{false};
  StackTrace allocated;
  StackTrace freed;
};

// The free slots of one size, in the order in which they are to be used. Not locked.
class ALKAID_EXPORT GuardedSlotList {
 public:
  static constexpr int64_t kQuarantine = 2'000'000'000;  // ns
  static constexpr uint32_t kNone = UINT32_MAX;

  // The next slot to use at `now`, or kNone. `slots`: those of this size.
  uint32_t Take(GuardedSlot* slots, uint32_t count, int64_t now);
  // Appends to the list; `now` no less than at earlier calls.
  void GiveBack(GuardedSlot* slots, uint32_t slot, int64_t now);
  // Puts a slot that was taken but not used back to the front, for use at once.
  void PutBack(GuardedSlot* slots, uint32_t slot);

 private:
  uint32_t used_ = 0;  // slots from here on were never used
  uint32_t first_ = kNone;
  uint32_t last_ = kNone;
  int64_t not_before_ = INT64_MIN;  // when the next may be reused
};

// The region's start, as a multiple of its size. The first call reserves the region and installs
// the fault handler. If there is no address space for it, that is reported on stderr, and the
// result is a number that no address has.
ALKAID_EXPORT uint64_t GuardedRegion();

// Whether `address` is in the `region` that GuardedRegion returned.
inline bool IsInGuardedRegion(uint64_t region, const void* address) {
  return reinterpret_cast<uint64_t>(address) >> kGuardedRegionBits == region;
}

// A block, or null if there is no slot for it. `alignment`: as a pool's.
ALKAID_EXPORT uint8_t* AllocateGuarded(int64_t size, int64_t alignment, const GuardedOwner& owner);
// Frees a block of the region. These faults are reported and end the program: an address that is no
// block, a block freed already, a wrong pool, size or alignment, and an overwritten canary.
ALKAID_EXPORT void FreeGuarded(const GuardedClaim& claim);
// Checks a block that is to be reallocated; faults as FreeGuarded.
ALKAID_EXPORT void CheckGuarded(const GuardedClaim& claim);
// Makes a block smaller in place; faults as FreeGuarded.
ALKAID_EXPORT void ShrinkGuarded(const GuardedClaim& claim, int64_t new_size);

// Whether an address of the region is `pool`'s to free, and not a block that another pool guards.
bool IsGuardedBlockOf(const MemoryPool* pool, const void* address);

// The slot whose block is nearest to an address, or null if there is none. May be called in signal
// handlers.
const GuardedSlot* FindGuardedSlot(const void* address);

// Bytes of an account's live guarded blocks.
ALKAID_EXPORT int64_t GuardedBytes(GuardedAccount account);
// Writes a line for PrintStats to stderr.
void PrintGuardedStatistics();

}  // namespace alkaid::internal
