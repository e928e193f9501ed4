// The places of guarded blocks (guarded_memory_pool.h): one region of address space, cut into slots
// of ten sizes, and what is known of the block in each.
//
//   region   | 2 MiB without access | slots of 4 KiB | slots of 16 KiB | ... | slots of 1 GiB | unused |
//   slot     | pages for a block of up to the slot's size | as much again without access |
//
// Only the pages that a block touches are ever accessible, and only while it lives. So an address
// is enough to know whose it is, without a lock: a signal handler asks.
//
// A slot that was never used comes first, then the one that has been free for the longest, once
// that is kQuarantine. Slots of a size are used again one after the other, at equal distances of
// time and not all at once. This bounds what sampling costs a program that allocates very fast: at
// most 256 blocks of up to 4 KiB a second, at some 10 us each.
//
// Ownership: region and records live as long as the process, and come along into a forked child.
// Threads: any; the lists are under one lock, a block's record is its owner's.
// Out of memory: AllocateGuarded gives null.
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

// Slots of one size. `size`: bytes of one, the least is a page. `count`: how many.
struct GuardedSlotSize {
  int64_t size;
  uint32_t count;
  // From one slot's start to the next's.
  constexpr int64_t stride() const {
    constexpr int64_t kLeast = 64 << 10;
    return size * 2 > kLeast ? size * 2 : kLeast;
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

// The region has 32 GiB and begins at a multiple of them, so that a shift and a comparison tell
// whether an address lies in it.
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

// Whose figures a block is in, where the allocator's own do not have it.
enum class GuardedAccount : uint8_t { kSystem, kJemalloc, kMimalloc, kOther };
inline constexpr size_t kGuardedAccounts = 4;
GuardedAccount GuardedAccountOf(std::string_view backend);

// Whom a block belongs to, for reports.
struct ALKAID_EXPORT GuardedOwner {
  GuardedOwner(const MemoryPool* its_pool, std::string_view name, GuardedAccount its_account);

  const MemoryPool* pool;
  char backend[24];
  GuardedAccount account;
};

// A block as the caller has it who frees or reallocates it. `owner`: the pool that was called.
struct GuardedClaim {
  uint8_t* ptr;
  const GuardedOwner& owner;
  int64_t size;
  int64_t alignment;
};

// What is known of a slot's latest block.
struct GuardedSlot {
  enum State : uint32_t { kUnused, kChanging, kLive, kFreed };

  std::atomic<uint32_t> state{kUnused};
  uint32_t next = 0;     // in the list of free slots
  int64_t freed_at = 0;  // ns of a clock that does not go back
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

// Which slots of one size are free, in the order in which they are to be used. Not locked.
class ALKAID_EXPORT GuardedSlotList {
 public:
  static constexpr int64_t kQuarantine = 2'000'000'000;  // ns
  static constexpr uint32_t kNone = UINT32_MAX;

  // The next slot to use at `now`, or kNone. `slots`: those of this size.
  uint32_t Take(GuardedSlot* slots, uint32_t count, int64_t now);
  // To the end of the list; `now` no less than at earlier calls.
  void GiveBack(GuardedSlot* slots, uint32_t slot, int64_t now);
  // One that was taken and not used, to be the next again, at once.
  void PutBack(GuardedSlot* slots, uint32_t slot);

 private:
  uint32_t used_ = 0;  // slots from here on were never used
  uint32_t first_ = kNone;
  uint32_t last_ = kNone;
  int64_t not_before_ = INT64_MIN;  // when the next may be used again
};

// Which multiple of its size the region begins at. It is reserved, and the handler of faults is
// set, at the first call. Where there is no address space for it that is said on stderr, and the
// answer is a number that no address has.
ALKAID_EXPORT uint64_t GuardedRegion();

// Whether `address` is in the `region` that the function above gave.
inline bool IsInGuardedRegion(uint64_t region, const void* address) {
  return reinterpret_cast<uint64_t>(address) >> kGuardedRegionBits == region;
}

// A block, or null where there is no slot for it. `alignment`: as a pool's.
ALKAID_EXPORT uint8_t* AllocateGuarded(int64_t size, int64_t alignment, const GuardedOwner& owner);
// Frees a block of the region. What is no block, what was freed already, another pool, size or
// alignment than the block's and what was written around it are reported, and end the program.
ALKAID_EXPORT void FreeGuarded(const GuardedClaim& claim);
// Looks at a block that is to be reallocated; faults as FreeGuarded.
ALKAID_EXPORT void CheckGuarded(const GuardedClaim& claim);
// Makes a block smaller where it stands; faults as FreeGuarded.
ALKAID_EXPORT void ShrinkGuarded(const GuardedClaim& claim, int64_t new_size);

// Whether an address of the region is `pool`'s to free: not a block that another pool guards.
bool IsGuardedBlockOf(const MemoryPool* pool, const void* address);

// The slot whose block an address is nearest to, or null where that is none. For signal handlers
// too.
const GuardedSlot* FindGuardedSlot(const void* address);

// Bytes of live guarded blocks that an account has.
ALKAID_EXPORT int64_t GuardedBytes(GuardedAccount account);
// A line for PrintStats, to stderr.
void PrintGuardedStatistics();

}  // namespace alkaid::internal
