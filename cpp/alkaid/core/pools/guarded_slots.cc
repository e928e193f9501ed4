#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <new>

#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/guarded_canaries_internal.h"
#include "alkaid/core/pools/guarded_fault_internal.h"
#include "alkaid/core/pools/guarded_slots_internal.h"

namespace alkaid {
namespace internal {
namespace {

constexpr int64_t kPage = 4096;
constexpr uint64_t kNowhere = UINT64_MAX;

struct Figures {
  std::atomic<int64_t> live_blocks{0};
  std::atomic<int64_t> total_blocks{0};
  std::atomic<int64_t> passed_over{0};
  std::atomic<int64_t> live_bytes[kGuardedAccounts] = {};
};

// Needs no constructor: pools are made before everything else, and used after it.
constinit ForkMutex<std::mutex> lock;
constinit std::atomic<uint64_t> region_number{kNowhere};
constinit bool tried = false;     // under `lock`
constinit bool at_start = false;  // under `lock`: where the next block stands
constinit GuardedSlotList lists[kGuardedSlotSizeCount];  // under `lock`
// Slots that were freed while a fork held the lock, linked by `next`; 1 + the number of the first.
constinit std::atomic<uint32_t> not_given_back{0};
constinit std::atomic<GuardedSlot*> all_slots{nullptr};
constinit Figures figures;

// An allocation may be guarded while any other lock is held, so this one is innermost.
[[gnu::constructor]] void GuardTheFork() {
  GuardFork([] { lock.Prepare(); }, [] { lock.GoOn(); }, [] { lock.GoOnInChild(); },
            ForkOrder::kInnermost);
}

int64_t Now() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

uint8_t* AlignDown(uint8_t* at, int64_t alignment) {
  return at - (reinterpret_cast<uint64_t>(at) & static_cast<uint64_t>(alignment - 1));
}
uint8_t* AlignUp(uint8_t* at, int64_t alignment) {
  return AlignDown(at + alignment - 1, alignment);
}

void* Map(void* at, int64_t size, int protection, int flags) {
  return ::mmap(at, static_cast<size_t>(size), protection,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
}

// Under `lock`.
void Reserve() {
  if (::sysconf(_SC_PAGESIZE) != kPage) {
    Notice("no block is guarded: pages here are not of ", kPage, " bytes");
    return;
  }
  // Maps twice as much, to find a multiple of the region's size, and gives the rest back.
  auto* const found = static_cast<uint8_t*>(Map(nullptr, 2 * kGuardedRegionSize, PROT_NONE, 0));
  void* const records = Map(nullptr, GuardedStatistics::kSlots * int64_t{sizeof(GuardedSlot)},
                            PROT_READ | PROT_WRITE, 0);
  if (found == MAP_FAILED || records == MAP_FAILED) {
    const char* const why = ::strerrordesc_np(errno);
    Notice("there is no address space for guarded blocks (", 2 * kGuardedRegionSize,
           " bytes): ", why, "; no block is guarded");
    if (found != MAP_FAILED) ::munmap(found, 2 * kGuardedRegionSize);
    if (records != MAP_FAILED) ::munmap(records, GuardedStatistics::kSlots * sizeof(GuardedSlot));
    return;
  }
  uint8_t* const start = AlignUp(found, kGuardedRegionSize);
  if (start != found) ::munmap(found, static_cast<size_t>(start - found));
  uint8_t* const end = start + kGuardedRegionSize;
  ::munmap(end, static_cast<size_t>(found + 2 * kGuardedRegionSize - end));
  auto* slot = static_cast<GuardedSlot*>(records);
  uint8_t* base = start + kGuardedMargin;
  for (const GuardedSlotSize& slots : kGuardedSlotSizes) {
    for (uint32_t i = 0; i < slots.count; ++i, base += slots.stride()) {
      (new (slot++) GuardedSlot)->base = base;
    }
  }
  all_slots.store(static_cast<GuardedSlot*>(records), std::memory_order_release);
  HandleGuardedFaults();
  region_number.store(reinterpret_cast<uint64_t>(start) >> kGuardedRegionBits,
                      std::memory_order_release);
}

// The slots of one size.
struct SlotsOfSize {
  size_t index;
  GuardedSlot* slots;
  uint32_t count;
};

// The slots of the least size in which a block has room and can be aligned; none if it is too
// large.
SlotsOfSize SlotsFor(int64_t room) {
  GuardedSlot* slots = all_slots.load(std::memory_order_acquire);
  for (size_t i = 0; i < kGuardedSlotSizeCount && slots != nullptr; ++i) {
    if (room <= kGuardedSlotSizes[i].size) return {i, slots, kGuardedSlotSizes[i].count};
    slots += kGuardedSlotSizes[i].count;
  }
  return {};
}

SlotsOfSize SlotsOf(const GuardedSlot& slot) {
  GuardedSlot* slots = all_slots.load(std::memory_order_acquire);
  for (size_t i = 0;; ++i) {
    if (&slot - slots < kGuardedSlotSizes[i].count) return {i, slots, kGuardedSlotSizes[i].count};
    slots += kGuardedSlotSizes[i].count;
  }
}

// Under `lock`.
void GiveBackWaiting() {
  uint32_t number = not_given_back.load(std::memory_order_relaxed);
  if (number == 0) return;
  number = not_given_back.exchange(0, std::memory_order_acquire);
  GuardedSlot* const all = all_slots.load(std::memory_order_relaxed);
  while (number != 0) {
    GuardedSlot& slot = all[number - 1];
    number = slot.next;
    const SlotsOfSize of = SlotsOf(slot);
    lists[of.index].GiveBack(of.slots, static_cast<uint32_t>(&slot - of.slots), slot.freed_at);
  }
}

// `was_used`: code may still touch its block by mistake.
void GiveBack(GuardedSlot* slot, bool was_used) {
  const SlotsOfSize of = SlotsOf(*slot);
  const auto number = static_cast<uint32_t>(slot - of.slots);
  if (lock.LockUnlessForking()) {
    const std::lock_guard guard(lock, std::adopt_lock);
    if (was_used) {
      lists[of.index].GiveBack(of.slots, number, Now());
    } else {
      lists[of.index].PutBack(of.slots, number);
    }
    return;
  }
  slot->freed_at = Now();
  slot->next = not_given_back.load(std::memory_order_relaxed);
  const auto own = static_cast<uint32_t>(slot - all_slots.load(std::memory_order_relaxed)) + 1;
  while (!not_given_back.compare_exchange_weak(slot->next, own, std::memory_order_release)) {
  }
}

// Where a block is in its slot.
struct Placement {
  uint8_t* start;
  uint8_t* first;
  uint8_t* last;
};
Placement Place(uint8_t* base, int64_t slot_size, int64_t size, int64_t alignment, bool at_base) {
  uint8_t* const start = at_base ? base : AlignDown(base + slot_size - size, alignment);
  return {start, AlignDown(start, kPage), AlignUp(start + size, kPage)};
}

// Makes pages inaccessible and gives their memory back.
void Close(uint8_t* first, uint8_t* last) {
  if (first == last) return;
  if (Map(first, last - first, PROT_NONE, MAP_FIXED) != MAP_FAILED) return;
  // There is no room for one more mapping; the next free that can merge them tries again.
  ::mprotect(first, static_cast<size_t>(last - first), PROT_NONE);
  ::madvise(first, static_cast<size_t>(last - first), MADV_DONTNEED);
}

// Takes over the block of a claim. If there is none, or it does not match the claim, ends the
// program.
GuardedSlot* TakeLive(const GuardedClaim& claim, const char* what) {
  auto* const slot = const_cast<GuardedSlot*>(FindGuardedSlot(claim.ptr));
  uint32_t state = GuardedSlot::kLive;
  if (slot == nullptr || slot->start != claim.ptr ||
      !slot->state.compare_exchange_strong(state, GuardedSlot::kChanging,
                                           std::memory_order_acq_rel)) {
    EndAtFreeOfNoBlock(slot, claim.ptr, what);
  }
  if (slot->pool != claim.owner.pool || slot->size.load(std::memory_order_relaxed) != claim.size ||
      slot->alignment != claim.alignment) {
    EndAtWrongClaim(*slot, claim, what);
  }
  return slot;
}

}  // namespace

GuardedOwner::GuardedOwner(const MemoryPool* its_pool, std::string_view name,
                           GuardedAccount its_account)
    : pool(its_pool), backend{}, account(its_account) {
  name.copy(backend, sizeof(backend) - 1);
}

GuardedAccount GuardedAccountOf(std::string_view backend) {
  return backend == "system"     ? GuardedAccount::kSystem
         : backend == "jemalloc" ? GuardedAccount::kJemalloc
         : backend == "mimalloc" ? GuardedAccount::kMimalloc
                                 : GuardedAccount::kOther;
}

uint64_t GuardedRegion() {
  const uint64_t number = region_number.load(std::memory_order_acquire);
  if (number != kNowhere) [[likely]]
    return number;
  const std::lock_guard guard(lock);
  if (!tried) Reserve();
  tried = true;
  return region_number.load(std::memory_order_relaxed);
}

[[gnu::noinline]] uint8_t* AllocateGuarded(int64_t size, int64_t alignment,
                                           const GuardedOwner& owner) {
  const SlotsOfSize of = SlotsFor(std::max(size, alignment));
  uint32_t taken = GuardedSlotList::kNone;
  bool at_base = false;
  if (of.slots != nullptr) {
    const int64_t now = Now();
    if (lock.LockUnlessForking()) {
      const std::lock_guard guard(lock, std::adopt_lock);
      GiveBackWaiting();
      taken = lists[of.index].Take(of.slots, of.count, now);
      if (taken != GuardedSlotList::kNone) {
        at_base = at_start;
        at_start = !at_start;
      }
    }
  }
  if (taken == GuardedSlotList::kNone) {
    figures.passed_over.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  GuardedSlot& slot = of.slots[taken];
  const Placement place =
      Place(slot.base, kGuardedSlotSizes[of.index].size, size, alignment, at_base);
  if (::mprotect(place.first, static_cast<size_t>(place.last - place.first),
                 PROT_READ | PROT_WRITE) != 0) {
    GiveBack(&slot, /*was_used=*/false);
    figures.passed_over.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  slot.state.store(GuardedSlot::kChanging, std::memory_order_relaxed);
  slot.start = place.start;
  slot.first = place.first;
  slot.last = place.last;
  slot.size.store(size, std::memory_order_relaxed);
  slot.alignment = alignment;
  slot.pool = owner.pool;
  std::memcpy(slot.backend, owner.backend, sizeof(slot.backend));
  slot.account = owner.account;
  slot.label = Label::Current().id();
  slot.reported.store(false, std::memory_order_relaxed);
  slot.allocated.Capture();
  slot.freed.thread = 0;
  PlantCanaries(slot);
  figures.live_blocks.fetch_add(1, std::memory_order_relaxed);
  figures.total_blocks.fetch_add(1, std::memory_order_relaxed);
  figures.live_bytes[static_cast<size_t>(owner.account)].fetch_add(size, std::memory_order_relaxed);
  slot.state.store(GuardedSlot::kLive, std::memory_order_release);
  return slot.start;
}

void FreeGuarded(const GuardedClaim& claim) {
  GuardedSlot* const slot = TakeLive(claim, "free");
  CheckCanaries(*slot, "freed");
  slot->freed.Capture();
  figures.live_blocks.fetch_sub(1, std::memory_order_relaxed);
  figures.live_bytes[static_cast<size_t>(slot->account)].fetch_sub(claim.size,
                                                                   std::memory_order_relaxed);
  // Before the pages close: a report of an access at that moment then says that the block was
  // freed.
  slot->state.store(GuardedSlot::kFreed, std::memory_order_release);
  Close(slot->first, slot->last);
  GiveBack(slot, /*was_used=*/true);
}

void CheckGuarded(const GuardedClaim& claim) {
  GuardedSlot* const slot = TakeLive(claim, "reallocation");
  CheckCanaries(*slot, "reallocated");
  slot->state.store(GuardedSlot::kLive, std::memory_order_release);
}

void ShrinkGuarded(const GuardedClaim& claim, int64_t new_size) {
  GuardedSlot* const slot = TakeLive(claim, "reallocation");
  CheckCanaries(*slot, "reallocated");
  uint8_t* const last = AlignUp(slot->start + new_size, kPage);
  Close(last, slot->last);
  slot->last = last;
  slot->size.store(new_size, std::memory_order_relaxed);
  PlantCanaries(*slot);
  slot->label = Label::Current().id();
  slot->allocated.Capture();
  figures.live_bytes[static_cast<size_t>(slot->account)].fetch_sub(claim.size - new_size,
                                                                   std::memory_order_relaxed);
  slot->state.store(GuardedSlot::kLive, std::memory_order_release);
}

const GuardedSlot* FindGuardedSlot(const void* address) {
  const uint64_t number = region_number.load(std::memory_order_acquire);
  if (!IsInGuardedRegion(number, address)) return nullptr;
  auto offset =
      static_cast<int64_t>(reinterpret_cast<uint64_t>(address) - (number << kGuardedRegionBits)) -
      kGuardedMargin;
  const GuardedSlot* slots = all_slots.load(std::memory_order_acquire);
  const auto was_used = [](const GuardedSlot& slot) {
    return slot.state.load(std::memory_order_acquire) != GuardedSlot::kUnused;
  };
  // Before the first slot.
  if (offset < 0) return was_used(slots[0]) ? slots : nullptr;
  for (const GuardedSlotSize& size : kGuardedSlotSizes) {
    const int64_t stride = size.stride();
    if (offset >= stride * size.count) {
      offset -= stride * size.count;
      slots += size.count;
      continue;
    }
    const GuardedSlot* const slot = slots + offset / stride;
    const GuardedSlot* const next = slot + 1;
    const bool has_next = next != all_slots.load() + GuardedStatistics::kSlots;
    // An address between two slots is equally likely to be past the one or before the other.
    const int64_t beyond = offset % stride - size.size;
    const bool nearer_to_next = beyond >= 0 && beyond >= (stride - size.size) / 2;
    if (has_next && was_used(*next) && (nearer_to_next || (!was_used(*slot) && beyond >= 0))) {
      return next;
    }
    return was_used(*slot) ? slot : nullptr;
  }
  return nullptr;
}

bool IsGuardedBlockOf(const MemoryPool* pool, const void* address) {
  const GuardedSlot* const slot = FindGuardedSlot(address);
  return slot == nullptr || slot->pool == pool;
}

int64_t GuardedBytes(GuardedAccount account) {
  return figures.live_bytes[static_cast<size_t>(account)].load(std::memory_order_relaxed);
}

void PrintGuardedStatistics() {
  const GuardedStatistics now = GetGuardedStatistics();
  std::fprintf(stderr,
               "guarded blocks (all pools, not in the allocator): %lld bytes in %lld blocks live, "
               "%lld blocks ever, %lld passed over\n",
               static_cast<long long>(now.live_bytes), static_cast<long long>(now.live_blocks),
               static_cast<long long>(now.total_blocks), static_cast<long long>(now.passed_over));
}

}  // namespace internal

GuardedStatistics GetGuardedStatistics() {
  GuardedStatistics now;
  now.live_blocks = internal::figures.live_blocks.load(std::memory_order_relaxed);
  now.total_blocks = internal::figures.total_blocks.load(std::memory_order_relaxed);
  now.passed_over = internal::figures.passed_over.load(std::memory_order_relaxed);
  for (const auto& bytes : internal::figures.live_bytes) {
    now.live_bytes += bytes.load(std::memory_order_relaxed);
  }
  if (internal::region_number.load(std::memory_order_acquire) != internal::kNowhere) {
    now.reserved_bytes = internal::kGuardedRegionSize;
  }
  now.adaptor_bytes = internal::GuardedBytes(internal::GuardedAccount::kOther);
  return now;
}

bool IsGuardedAddress(const void* address) {
  return internal::IsInGuardedRegion(internal::region_number.load(std::memory_order_acquire),
                                     address);
}

}  // namespace alkaid
