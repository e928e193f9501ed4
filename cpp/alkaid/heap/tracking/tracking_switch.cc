// The part of HeapTracker that switches it on and off.

#include "alkaid/core/observers/label.h"
#include "alkaid/heap/tracking/clock_internal.h"
#include "alkaid/heap/tracking/heap_tracker_internal.h"
#include "alkaid/heap/tracking/source_notes_internal.h"

namespace alkaid::heap {
namespace {

Status CheckOptions(const TrackingOptions& options) {
  if (options.sample_bytes < 0) {
    return status::Invalid("tracking: sample_bytes is ", options.sample_bytes,
                           ", but cannot be negative");
  }
  if (options.max_frames < 0 || options.max_frames > kMaxFrames) {
    return status::Invalid("tracking: max_frames is ", options.max_frames, ", but must be 0 to ",
                           kMaxFrames);
  }
  switch (options.unwinder) {
    case Unwinder::kCallFrameInfo:
    case Unwinder::kFramePointers:
    case Unwinder::kRuntime:
      return absl::OkStatus();
  }
  return status::Invalid("tracking: there is no unwinder ", static_cast<int>(options.unwinder));
}

Label MallocsLabel() {
  static const Label label = Label::Intern("malloc");
  return label;
}

// The first use of an unwinder takes kilobytes of stack and may make system calls: it looks up
// functions of the C++ runtime, or the bounds of the thread's stack. Later this could happen on a
// signal handler's stack, or need a system call that the program has forbidden.
void UseUnwinders(Unwinder unwinder) {
  uint64_t frames[4];
  for (const Unwinder each : {unwinder, Unwinder::kRuntime}) unwind::CaptureStack(each, frames, 4);
}

}  // namespace

bool HeapTracker::OpenTables() {
  HeapTables& tables = Tables();
  tables.blocks.Close();
  for (uint32_t s = 0; s < BlockTable::kShards; ++s) {
    tables.blocks.WithShard(s, [&] { tables.totals.Clear(s); });
  }
  tables.pools.Clear();
  (void)tables.log.Open();  // without it, a thread that finds the gate closed waits for the fork
  return tables.blocks.Open() && tables.views.Open();
}

// When the library is loaded, for three reasons:
// - a fork during the first start must find the guard in place;
// - the dynamic linker's lock may be taken here;
// - a start without memory then still finds the label of malloc's blocks.
[[gnu::constructor]] static void GuardTables() {
  HeapTracker::Get().GuardTablesAroundForks();
  Tables().modules.RememberWhatStays();
  Tables().python.Look();
  MallocsLabel();
}

Status HeapTracker::Start(const TrackingOptions& options) {
  ALKAID_RETURN_NOT_OK(CheckOptions(options));
  ever_started_.store(true);
  int expected = kOff;
  if (!state_.compare_exchange_strong(expected, kChanging)) {
    return status::FailedPrecondition("tracking is already on; call StopTracking first");
  }
  bool python = false;
  {
    const InsideTracking inside;  // so that what this allocates is not listed as the program's
    SourceNotes::Get().Clear();
    UseUnwinders(options.unwinder);
    python = options.python && options.max_frames > 0 && Tables().python.Find();
  }
  HeapRoot& root = Root();
  root.labels = alkaid::internal::AllLabelNames().names;
  root.label_count = alkaid::internal::AllLabelNames().count;
  malloc_label_.store(MallocsLabel().id(), std::memory_order_relaxed);
  if (!OpenTables() || !Listen(options.views)) {
    Tables().blocks.Close();
    Tables().views.Close();
    state_.store(kOff);
    return status::OutOfMemory("tracking: no memory for its tables");
  }

  max_frames_.store(python ? -options.max_frames : options.max_frames, std::memory_order_relaxed);
  unwinder_.store(options.unwinder, std::memory_order_relaxed);
  sample_bytes_.store(static_cast<uint64_t>(options.sample_bytes), std::memory_order_relaxed);
  pool_.store(options.pool, std::memory_order_relaxed);
  views_.store(options.views, std::memory_order_relaxed);
  if (epoch_.fetch_add(1, std::memory_order_relaxed) + 1 == 0) epoch_.store(1);
  root.max_frames = static_cast<uint32_t>(options.max_frames);
  root.sample_bytes = static_cast<uint64_t>(options.sample_bytes);
  root.started_ns = MonotonicNanoseconds();
  root.started_unix_ns = NanosecondsOf(CLOCK_REALTIME);
  root.lost.store(0, std::memory_order_relaxed);
  root.stacks_dropped.store(0, std::memory_order_relaxed);

  on_.store(true, std::memory_order_release);
  root.state.store(1, std::memory_order_release);
  state_.store(kOn);
  return absl::OkStatus();
}

// False out of memory. Events before `on_` is set are ignored.
bool HeapTracker::Listen(bool views) try {
  const InsideTracking inside;
  RemoveMemoryObserver(this);  // left by a fork in the middle of a start or stop
  AddMemoryObserver(this, views ? MemoryEventKinds::kAll : MemoryEventKinds::kBlocks);
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

// Needs no memory in any step.
void HeapTracker::Stop() noexcept {
  int expected = kOn;
  if (!state_.compare_exchange_strong(expected, kChanging)) return;
  on_.store(false);
  Root().state.store(0, std::memory_order_release);
  RemoveMemoryObserver(this);  // afterwards no pool's event is under way; malloc's may be
  Tables().blocks.Close();
  Tables().views.Close();
  Tables().moves.AbandonAll();
  SourceNotes::Get().Clear();
  state_.store(kOff);
}

}  // namespace alkaid::heap
