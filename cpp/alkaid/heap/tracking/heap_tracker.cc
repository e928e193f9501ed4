#include <time.h>

#include <algorithm>
#include <span>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/heap/tracking/byte_sampler_internal.h"
#include "alkaid/heap/tracking/clock_internal.h"
#include "alkaid/heap/tracking/heap_tracker_internal.h"
#include "alkaid/unwind/stack_trace.h"

namespace alkaid::heap {
namespace {

// Frames of the tracker and of the emission point that may lie above the one that is looked for.
constexpr int kOwnFrames = 8;

// Never destroyed, and there before any constructor: malloc is called at all times.
union TrackerPlace {
  constexpr TrackerPlace() : tracker() {}
  constexpr ~TrackerPlace() {}  // NOLINT(modernize-use-equals-default): nothing is to happen
  HeapTracker tracker;
};
constinit TrackerPlace place;

uint16_t FlagsOf(bool untracked) { return untracked ? uint16_t{kUntracked} : uint16_t{0}; }

uint64_t AddressOf(const void* ptr) { return reinterpret_cast<uint64_t>(ptr); }

// The record of a block whose reallocation has ended, if there is one. It counts as moving until it
// is back in the table, or gone for good: to the end of the scope.
class EndedMove {
 public:
  explicit EndedMove(const void* ptr) : move_(Tables().moves.Find(AddressOf(ptr))) {}
  ~EndedMove() {
    if (move_ != nullptr) Tables().moves.Remove(move_);
  }
  EndedMove(const EndedMove&) = delete;
  EndedMove& operator=(const EndedMove&) = delete;

  const LiveBlock* block() const { return move_ != nullptr ? &move_->block : nullptr; }

 private:
  PendingMove* const move_;
};

// What malloc was asked for where a pool gives out the whole of its block: the debug mode adds a
// canary, and aligned forms of operator new round up.
bool IsWholeBlock(uint64_t malloc_size, uint64_t size, uint64_t alignment) {
  constexpr uint64_t kCanary = 16;
  const uint64_t unit = std::max<uint64_t>(alignment, sizeof(void*));
  for (const uint64_t asked : {size, size + kCanary}) {
    if (malloc_size == asked || malloc_size == (asked + unit - 1) / unit * unit) return true;
  }
  return false;
}

}  // namespace

HeapTracker& HeapTracker::Get() { return place.tracker; }

uint32_t HeapTracker::MallocLabel() const {
  const uint32_t current = Label::Current().id();
  return current != 0 ? current : malloc_label_.load(std::memory_order_relaxed);
}

uint32_t HeapTracker::CallersStack(const void* caller) const {
  const int max_frames = max_frames_.load(std::memory_order_relaxed);
  if (max_frames == 0) return 0;
  // As many as are asked for: the stack may be a signal handler's.
  const int room = max_frames + kOwnFrames;
  auto* const frames =
      static_cast<uint64_t*>(__builtin_alloca(static_cast<size_t>(room) * sizeof(uint64_t)));
  const int depth = unwind::CaptureStack(unwinder_.load(std::memory_order_relaxed), frames, room);
  const std::span<const uint64_t> all(frames, static_cast<size_t>(depth));
  const auto own = all.first(std::min<size_t>(all.size(), kOwnFrames));
  const auto border = std::ranges::find(own, AddressOf(caller));
  const auto users =
      border == own.end() ? all : all.subspan(static_cast<size_t>(border - own.begin()) + 1);
  return Tables().stacks.Intern(
      users.first(std::min(users.size(), static_cast<size_t>(max_frames))));
}

void HeapTracker::Put(LiveBlock* block, bool fresh, uint64_t grown) {
  HeapTables& tables = Tables();
  const PutResult result = tables.blocks.Put(block, [&](uint32_t shard, const LiveBlock* replaced) {
    if (replaced != nullptr) {
      tables.totals.RemoveLive(shard, *replaced);
      // The same block, seen by malloc on its way to the pool.
      const bool untracked = (replaced->flags & kUntracked) != 0;
      if (replaced->pool == PoolIndex::kMalloc && block->pool != PoolIndex::kMalloc && !untracked) {
        tables.totals.TakeBackTotal(shard, *replaced);
      }
    }
    if (fresh) block->serial = ++tables.serials[shard];
    tables.totals.AddLive(shard, *block);
    if (grown != 0 || (block->size == 0 && fresh)) {
      tables.totals.AddTotal(shard, *block, grown);
    }
  });
  if (result == PutResult::kOutOfMemory) Root().lost.fetch_add(1, std::memory_order_relaxed);
}

void HeapTracker::PutBack(const LiveBlock& block) {
  LiveBlock copy;
  BlockTable::Copy(block, &copy);
  Put(&copy, /*fresh=*/false, 0);
}

bool HeapTracker::Take(uint64_t address, LiveBlock* block) {
  HeapTables& tables = Tables();
  return tables.blocks.Take(address, block, [&](uint32_t shard, const LiveBlock& taken) {
    tables.totals.RemoveLive(shard, taken);
  });
}

void HeapTracker::BeginMove(uint64_t address, bool for_malloc) {
  HeapTables& tables = Tables();
  LiveBlock block;
  if (!tables.blocks.Get(address, &block)) return;
  if (!for_malloc && block.pool == PoolIndex::kMalloc) return;
  if (!tables.moves.Add(block)) Root().lost.fetch_add(1, std::memory_order_relaxed);
  Take(address, &block);
}

bool HeapTracker::IsMallocs(const void* ptr, LiveBlock* block) const {
  return malloc_seen_.load(std::memory_order_relaxed) &&
         Tables().blocks.Get(AddressOf(ptr), block) && block->pool == PoolIndex::kMalloc;
}

bool HeapTracker::IsPartOfMallocs(const Entry& entry) const {
  LiveBlock block;
  return IsMallocs(entry.ptr, &block) &&
         !IsWholeBlock(block.size, entry.size, static_cast<uint64_t>(entry.alignment));
}

// A block that a pool has from malloc and that its own sampling leaves out: malloc's record of it,
// if it made one, would list it under a wrong name.
void HeapTracker::DropMallocs(const void* ptr) {
  if (!malloc_seen_.load(std::memory_order_relaxed)) return;
  HeapTables& tables = Tables();
  LiveBlock block;
  tables.blocks.Take(AddressOf(ptr), &block, [&](uint32_t shard, const LiveBlock& taken) {
    tables.totals.RemoveLive(shard, taken);
    if ((taken.flags & kUntracked) == 0) tables.totals.TakeBackTotal(shard, taken);
  });
}

void HeapTracker::Record(const Entry& entry, const LiveBlock* earlier) {
  if (entry.pool != PoolIndex::kMalloc && IsPartOfMallocs(entry)) return;
  const uint64_t mean = sample_bytes_.load(std::memory_order_relaxed);
  uint64_t weight = entry.size;
  uint16_t flags = entry.flags;
  if (mean != 0) {
    weight =
        SampleBlock(&tracking_thread, entry.size, mean, epoch_.load(std::memory_order_relaxed));
    if (weight == 0) {
      if (entry.pool != PoolIndex::kMalloc) DropMallocs(entry.ptr);
      return;
    }
    flags = weight != entry.size ? kSampled : 0;
  }
  const uint64_t address = AddressOf(entry.ptr);
  const bool same_place =
      earlier != nullptr && earlier->address.load(std::memory_order_relaxed) == address;
  LiveBlock block;
  block.address.store(address, std::memory_order_relaxed);
  block.size = entry.size;
  block.weight = weight;
  block.serial = same_place ? earlier->serial : 0;
  block.birth_ns = earlier != nullptr ? earlier->birth_ns : MonotonicNanoseconds();
  block.stack = CallersStack(entry.caller);
  block.label = entry.label;
  block.thread = earlier != nullptr ? earlier->thread : ThreadId();
  block.pool = entry.pool;
  block.flags = flags;
  block.reserved = 0;
  Put(&block, !same_place, entry.grown);
}

void HeapTracker::OnAllocate(MemoryPool* pool, const void* ptr, int64_t size, int64_t alignment) {
  if (!Wants(pool)) return;
  const InsideTracking inside;
  if (!inside.entered()) return;
  const auto bytes = static_cast<uint64_t>(size);
  Record({.ptr = ptr,
          .size = bytes,
          .grown = bytes,
          .pool = Tables().pools.Find(pool),
          .flags = 0,
          .label = Label::Current().id(),
          .alignment = alignment,
          .caller = __builtin_return_address(0)},
         nullptr);
}

void HeapTracker::OnReallocating(MemoryPool* pool, const void* old_ptr, int64_t old_size) {
  ForgetSources(old_ptr, old_size);
  if (!Wants(pool)) return;
  const InsideTracking inside;
  if (!inside.entered()) return;
  BeginMove(AddressOf(old_ptr), /*for_malloc=*/false);
}

void HeapTracker::OnReallocate(MemoryPool* pool, const void* old_ptr, const void* new_ptr,
                               int64_t old_size, int64_t new_size, int64_t alignment) {
  const InsideTracking inside;
  if (!inside.entered()) return;
  const EndedMove move(old_ptr);
  if (!Wants(pool)) return;
  const LiveBlock* const earlier = move.block();
  // Refused, or nothing to do: either way it is as it was, and whether it is among the samples was
  // decided when it was allocated.
  if (new_ptr == old_ptr && new_size == old_size) {
    if (earlier != nullptr) return PutBack(*earlier);
    if (sample_bytes_.load(std::memory_order_relaxed) != 0) return;
  }
  const uint32_t label = Label::Current().id();
  LiveBlock arena;
  const bool untracked =
      earlier != nullptr ? (earlier->flags & kUntracked) != 0 : !IsMallocs(old_ptr, &arena);
  Record({.ptr = new_ptr,
          .size = static_cast<uint64_t>(new_size),
          .grown = static_cast<uint64_t>(std::max<int64_t>(new_size - old_size, 0)),
          .pool = Tables().pools.Find(pool),
          .flags = FlagsOf(untracked),
          .label = label == 0 && earlier != nullptr ? earlier->label : label,
          .alignment = alignment,
          .caller = __builtin_return_address(0)},
         earlier);
}

void HeapTracker::OnFree(MemoryPool*, const void* ptr, int64_t size) {
  if (!on()) return;
  ForgetSources(ptr, size);
  LiveBlock block;
  // What is malloc's is taken out when malloc has it back: this may be a part of it.
  if (!IsMallocs(ptr, &block)) Take(AddressOf(ptr), &block);
}

void HeapTracker::OnMalloc(const void* ptr, uint64_t size, const void* caller) {
  if (!on() || pool_.load(std::memory_order_relaxed) != nullptr) return;
  const InsideTracking inside;
  if (!inside.entered()) return;
  if (!malloc_seen_.load(std::memory_order_relaxed)) malloc_seen_ = true;
  Record({.ptr = ptr,
          .size = size,
          .grown = size,
          .pool = PoolIndex::kMalloc,
          .flags = 0,
          .label = MallocLabel(),
          .alignment = 1,
          .caller = caller},
         nullptr);
}

void HeapTracker::OnMallocFree(const void* ptr) {
  if (!on()) return;
  LiveBlock block;
  Take(AddressOf(ptr), &block);
}

void HeapTracker::OnMallocMoving(MallocMove* move, const void* ptr) {
  move->ptr = ptr;
  // Where a pool moves a block of its own by realloc, the pool's events tell the whole.
  move->watched = on() && pool_.load(std::memory_order_relaxed) == nullptr &&
                  !tracking_thread.inside && !PendingMoves::IsInnermost(AddressOf(ptr));
  if (move->watched) BeginMove(AddressOf(ptr), /*for_malloc=*/true);
}

void HeapTracker::OnMallocGone(MallocMove* move) {
  if (!move->watched) return;
  const EndedMove ended(move->ptr);
}

void HeapTracker::OnMallocMoved(MallocMove* move, const void* ptr, uint64_t size,
                                const void* caller) {
  if (!move->watched) return;
  const EndedMove ended(move->ptr);
  if (!on()) return;
  const InsideTracking inside;
  const LiveBlock* const earlier = ended.block();
  if (ptr == nullptr) {
    if (earlier != nullptr) PutBack(*earlier);
    return;
  }
  const bool keeps_label = earlier != nullptr && Label::Current().id() == 0;
  const uint64_t old_size = earlier != nullptr ? earlier->size : size;
  const bool untracked = earlier == nullptr || (earlier->flags & kUntracked) != 0;
  Record({.ptr = ptr,
          .size = size,
          .grown = size > old_size ? size - old_size : 0,
          .pool = PoolIndex::kMalloc,
          .flags = FlagsOf(untracked),
          .label = keeps_label ? earlier->label : MallocLabel(),
          .alignment = 1,
          .caller = caller},
         earlier);
}

}  // namespace alkaid::heap
