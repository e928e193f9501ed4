// Longer than most files: each event of a pool and of malloc can come while the other is known, and
// their cases are read side by side.

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/heap/tracking/byte_sampler_internal.h"
#include "alkaid/heap/tracking/clock_internal.h"
#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/heap_tracker_internal.h"
#include "alkaid/heap/tracking/own_frames_internal.h"
#include "alkaid/heap/tracking/source_notes_internal.h"
#include "alkaid/unwind/stack_trace.h"

namespace alkaid::heap {
namespace {

// Never destroyed, and ready before any constructor: malloc may be called at any time.
union TrackerPlace {
  constexpr TrackerPlace() : tracker() {}
  constexpr ~TrackerPlace() {}  // NOLINT(modernize-use-equals-default): nothing is to happen
  HeapTracker tracker;
};
constinit TrackerPlace place;

uint16_t FlagsOf(bool untracked) { return untracked ? uint16_t{kUntracked} : uint16_t{0}; }

uint64_t AddressOf(const void* ptr) { return reinterpret_cast<uint64_t>(ptr); }

// The record of a block whose reallocation has ended, if there is one. It counts as moving until
// the end of the scope; by then it is back in the table or gone for good.
class EndedMove {
 public:
  explicit EndedMove(uint64_t address) : move_(Tables().moves.Find(address)) {}
  ~EndedMove() {
    if (move_ != nullptr) Tables().moves.Remove(move_);
  }
  EndedMove(const EndedMove&) = delete;
  EndedMove& operator=(const EndedMove&) = delete;

  const LiveBlock* block() const { return move_ != nullptr ? &move_->block : nullptr; }

 private:
  PendingMove* const move_;
};

// Whether a pool's block is a whole block of malloc's. malloc's may be larger: aligned forms of
// operator new round up.
bool IsWholeBlock(uint64_t malloc_size, uint64_t size, uint64_t alignment) {
  const uint64_t unit = std::max<uint64_t>(alignment, sizeof(void*));
  return malloc_size == size || malloc_size == (size + unit - 1) / unit * unit;
}

// Sleeps a moment; errno is unchanged.
void GiveWay() {
  if (!MayWait()) return;
  constexpr timespec kMoment = {0, 100'000};
  const int kept = errno;
  ::syscall(SYS_nanosleep, &kMoment, nullptr);
  errno = kept;
}

}  // namespace

HeapTracker& HeapTracker::Get() { return place.tracker; }

void HeapTracker::Put(LiveBlock* block, bool fresh, uint64_t grown) {
  HeapTables& tables = Tables();
  const PutResult result = tables.blocks.Put(block, [&](uint32_t shard, const LiveBlock* replaced) {
    if (replaced != nullptr) {
      tables.totals.RemoveLive(shard, *replaced);
      // The same block: malloc's event came before the pool's.
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

bool HeapTracker::CanMove(const HeapEvent& event, LiveBlock* block) {
  return event.wanted && Tables().blocks.Get(event.address, block) &&
         (event.of_malloc || block->pool != PoolIndex::kMalloc);
}

void HeapTracker::BeginMove(const HeapEvent& event) {
  LiveBlock block;
  if (!CanMove(event, &block)) return;
  if (!Tables().moves.Add(block)) Root().lost.fetch_add(1, std::memory_order_relaxed);
  Take(event.address, &block);
}

bool HeapTracker::IsMallocs(uint64_t address, LiveBlock* block) const {
  return malloc_seen_.load(std::memory_order_relaxed) && Tables().blocks.Get(address, block) &&
         block->pool == PoolIndex::kMalloc;
}

bool HeapTracker::IsPartOfMallocs(const HeapEvent& event) const {
  LiveBlock block;
  return IsMallocs(event.address, &block) &&
         !IsWholeBlock(block.size, event.size, static_cast<uint64_t>(event.alignment));
}

// For a pool's block from malloc that the pool's sampling leaves out: malloc's record, if there is
// one, would list it as malloc's.
void HeapTracker::DropMallocs(uint64_t address) {
  if (!malloc_seen_.load(std::memory_order_relaxed)) return;
  HeapTables& tables = Tables();
  LiveBlock block;
  tables.blocks.Take(address, &block, [&](uint32_t shard, const LiveBlock& taken) {
    tables.totals.RemoveLive(shard, taken);
    if ((taken.flags & kUntracked) == 0) tables.totals.TakeBackTotal(shard, taken);
  });
}

void HeapTracker::Record(const HeapEvent& event, const Arrival& arrival) {
  if (!event.of_malloc && IsPartOfMallocs(event)) return;
  if (event.not_sampled) {
    if (!event.of_malloc) DropMallocs(event.address);
    return;
  }
  const LiveBlock* const earlier = arrival.earlier;
  const bool same_place =
      earlier != nullptr && earlier->address.load(std::memory_order_relaxed) == event.address;
  LiveBlock block;
  block.address.store(event.address, std::memory_order_relaxed);
  block.size = event.size;
  block.weight = event.weight;
  block.serial = same_place ? earlier->serial : 0;
  block.birth_ns = earlier != nullptr ? earlier->birth_ns : event.time_ns;
  block.stack = Tables().stacks.Intern(event.frames);
  block.label = arrival.label;
  block.thread = earlier != nullptr ? earlier->thread : event.thread;
  block.pool = event.of_malloc ? PoolIndex::kMalloc : Tables().pools.Find(event.pool);
  block.flags = event.weight != event.size ? uint16_t{kSampled} : FlagsOf(arrival.untracked);
  block.reserved = 0;
  Put(&block, !same_place, arrival.grown);
}

uint32_t HeapTracker::LabelOf(const HeapEvent& event, const LiveBlock* earlier) const {
  if (event.label != 0) return event.label;
  if (earlier != nullptr) return earlier->label;
  return event.of_malloc ? malloc_label_.load(std::memory_order_relaxed) : 0;
}

void HeapTracker::DidAllocate(const HeapEvent& event) {
  Record(event, {.grown = event.size, .label = LabelOf(event, nullptr)});
}

void HeapTracker::DidMove(const HeapEvent& event, const LiveBlock* earlier) {
  if (!event.wanted) return;
  const bool refused = event.of_malloc ? event.address == 0 : event.IsAsBefore();
  if (refused) {
    // Sampling decided on the block when it was allocated.
    if (earlier != nullptr) return PutBack(*earlier);
    if (event.of_malloc || sample_bytes_.load(std::memory_order_relaxed) != 0) return;
  }
  bool untracked = earlier == nullptr;
  if (earlier != nullptr) {
    untracked = (earlier->flags & kUntracked) != 0;
  } else if (!event.of_malloc) {
    LiveBlock arena;
    untracked = !IsMallocs(event.old_address, &arena);
  }
  // malloc's callers do not say how many bytes the block had.
  const uint64_t from_malloc = earlier != nullptr ? earlier->size : event.size;
  const uint64_t old_size = event.of_malloc ? from_malloc : event.old_size;
  Record(event, {.earlier = earlier,
                 .grown = event.size > old_size ? event.size - old_size : 0,
                 .label = LabelOf(event, earlier),
                 .untracked = untracked});
}

void HeapTracker::DidFree(const HeapEvent& event) {
  LiveBlock block;
  if (event.of_malloc) {
    Take(event.address, &block);
    return;
  }
  ForgetSources(event.address, event.size);
  // A record of malloc's is removed when malloc frees the block: this may be only a part of it.
  if (!IsMallocs(event.address, &block)) Take(event.address, &block);
}

void HeapTracker::Tell(const HeapEvent& event) {
  switch (event.kind) {
    case HeapEvent::kAllocated:
      return DidAllocate(event);
    case HeapEvent::kMoving:
      if (!event.of_malloc) ForgetSources(event.address, event.size);
      return BeginMove(event);
    case HeapEvent::kMoved: {
      const EndedMove move(event.old_address);
      return DidMove(event, move.block());
    }
    case HeapEvent::kGone: {
      const EndedMove move(event.old_address);
      return;
    }
    case HeapEvent::kFreed:
      return DidFree(event);
    case HeapEvent::kSliced:
      return DidSlice(event);
    case HeapEvent::kSliceReleased:
      return DidReleaseSlice(event);
    case HeapEvent::kRootReleased:
      return DidReleaseRoot(event);
  }
}

// Under sampling, most events are of blocks that were not sampled and need no table.
bool HeapTracker::MayMatter(const HeapEvent& event) const {
  HeapTables& tables = Tables();
  if (sample_bytes_.load(std::memory_order_relaxed) == 0 || !tables.gate.IsOpen()) return true;
  // A pool's block that malloc reported may have to leave the tables again.
  const bool is_new_to_tables = event.not_sampled && (event.of_malloc || !malloc_seen_.load());
  switch (event.kind) {
    case HeapEvent::kAllocated:
      return !is_new_to_tables;
    case HeapEvent::kMoving:
    case HeapEvent::kFreed:
      return tables.blocks.Holds(event.address) || (watches_views() && !SourceNotes::Get().empty());
    case HeapEvent::kMoved:
      return !is_new_to_tables || tables.moves.MayHaveOwn();
    default:
      return true;
  }
}

void HeapTracker::Happen(const HeapEvent& event) {
  if (event.old_address != 0 && tracking_thread.moving_in_log == event.old_address) {
    tracking_thread.moving_in_log = 0;
  }
  if (!MayMatter(event)) return;
  HeapTables& tables = Tables();
  for (;;) {
    const ForkGate::Way way = tables.gate.Enter();
    if (way == ForkGate::Way::kTables) {
      Tell(event);
      return tables.gate.Leave(way);
    }
    const bool written = WriteDown(event);
    tables.gate.Leave(way);
    const bool forks = tracking_thread.holds_tables;
    if (!forks && tables.log.IsFilling()) GiveWay();
    if (written) return;
    if (forks) {  // it would wait for itself
      Root().lost.fetch_add(1, std::memory_order_relaxed);
      return;
    }
  }
}

void HeapTracker::HappenHere(HeapEvent* event, const void* caller) {
  event->thread = ThreadId();
  event->time_ns = MonotonicNanoseconds();
  const int max_frames = max_frames_.load(std::memory_order_relaxed);
  if (max_frames <= 0) [[unlikely]]
    return max_frames == 0 ? Happen(*event) : HappenInPython(event, caller, -max_frames);
  // No more room than is asked for: the stack may be a signal handler's.
  const int room = max_frames + kOwnFrames;
  auto* const frames =
      static_cast<uint64_t*>(__builtin_alloca(static_cast<size_t>(room) * sizeof(uint64_t)));
  const int depth = unwind::CaptureStack(unwinder_.load(std::memory_order_relaxed), frames, room);
  const auto users = WithoutOwnFrames({frames, static_cast<size_t>(depth)}, AddressOf(caller));
  event->frames = users.first(std::min(users.size(), static_cast<size_t>(max_frames)));
  Happen(*event);
}

void HeapTracker::ArriveHere(HeapEvent* event, const void* caller) {
  event->label = Label::Current().id();
  event->weight = event->size;
  const uint64_t mean = sample_bytes_.load(std::memory_order_relaxed);
  if (mean != 0 && !event->IsAsBefore()) {
    event->weight =
        SampleBlock(&tracking_thread, event->size, mean, epoch_.load(std::memory_order_relaxed));
    event->not_sampled = event->weight == 0;
  }
  if (!event->not_sampled) return HappenHere(event, caller);
  event->thread = ThreadId();
  Happen(*event);
}

void HeapTracker::OnAllocate(MemoryPool* pool, const void* ptr, int64_t size, int64_t alignment) {
  if (!Wants(pool)) return;
  const InsideTracking inside;
  if (!inside.entered()) return;
  HeapEvent event = {.kind = HeapEvent::kAllocated,
                     .address = AddressOf(ptr),
                     .size = static_cast<uint64_t>(size),
                     .alignment = alignment,
                     .pool = Tables().pools.KeyOf(pool)};
  ArriveHere(&event, __builtin_return_address(0));
}

void HeapTracker::OnReallocating(MemoryPool* pool, const void* old_ptr, int64_t old_size) {
  if (!on()) return;
  const bool wanted = Wants(pool);
  const InsideTracking inside;
  if (!inside.entered()) return;
  Happen({.kind = HeapEvent::kMoving,
          .wanted = wanted,
          .thread = ThreadId(),
          .address = AddressOf(old_ptr),
          .size = static_cast<uint64_t>(old_size)});
}

void HeapTracker::OnReallocate(MemoryPool* pool, const void* old_ptr, const void* new_ptr,
                               int64_t old_size, int64_t new_size, int64_t alignment) {
  const InsideTracking inside;
  if (!inside.entered()) return;
  HeapEvent event = {.kind = HeapEvent::kMoved,
                     .wanted = Wants(pool),
                     .thread = ThreadId(),
                     .address = AddressOf(new_ptr),
                     .old_address = AddressOf(old_ptr),
                     .size = static_cast<uint64_t>(new_size),
                     .old_size = static_cast<uint64_t>(old_size),
                     .alignment = alignment};
  if (!event.wanted) return Happen(event);
  event.pool = Tables().pools.KeyOf(pool);
  ArriveHere(&event, __builtin_return_address(0));
}

void HeapTracker::OnFree(MemoryPool*, const void* ptr, int64_t size) {
  if (!on()) return;
  Happen(
      {.kind = HeapEvent::kFreed, .address = AddressOf(ptr), .size = static_cast<uint64_t>(size)});
}

void HeapTracker::OnMalloc(const void* ptr, uint64_t size, const void* caller) {
  if (!on() || pool_.load(std::memory_order_relaxed) != nullptr) return;
  const InsideTracking inside;
  if (!inside.entered()) return;
  if (!malloc_seen_.load(std::memory_order_relaxed)) malloc_seen_ = true;
  HeapEvent event = {
      .kind = HeapEvent::kAllocated, .of_malloc = true, .address = AddressOf(ptr), .size = size};
  ArriveHere(&event, caller);
}

void HeapTracker::OnMallocFree(const void* ptr) {
  if (!on()) return;
  Happen({.kind = HeapEvent::kFreed, .of_malloc = true, .address = AddressOf(ptr)});
}

void HeapTracker::OnMallocMoving(MallocMove* move, const void* ptr) {
  move->ptr = ptr;
  // If a pool moves its own block by realloc, the pool's events are enough.
  move->watched = on() && pool_.load(std::memory_order_relaxed) == nullptr &&
                  !tracking_thread.inside && !PendingMoves::IsInnermost(AddressOf(ptr));
  if (!move->watched) return;
  Happen({.kind = HeapEvent::kMoving,
          .of_malloc = true,
          .thread = ThreadId(),
          .address = AddressOf(ptr)});
}

void HeapTracker::OnMallocGone(MallocMove* move) {
  if (!move->watched) return;
  Happen({.kind = HeapEvent::kGone,
          .of_malloc = true,
          .thread = ThreadId(),
          .old_address = AddressOf(move->ptr)});
}

void HeapTracker::OnMallocMoved(MallocMove* move, const void* ptr, uint64_t size,
                                const void* caller) {
  if (!move->watched) return;
  const InsideTracking inside;
  HeapEvent event = {.kind = HeapEvent::kMoved,
                     .of_malloc = true,
                     .wanted = on(),
                     .thread = ThreadId(),
                     .address = AddressOf(ptr),
                     .old_address = AddressOf(move->ptr),
                     .size = size};
  if (!event.wanted || ptr == nullptr) return Happen(event);
  ArriveHere(&event, caller);
}

}  // namespace alkaid::heap
