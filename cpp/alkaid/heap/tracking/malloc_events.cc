#include <atomic>
#include <cerrno>
#include <new>

#include "alkaid/base/exit_task_internal.h"
#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/heap_tracker_internal.h"
#include "alkaid/heap/tracking/malloc_events_internal.h"
#include "alkaid/heap/tracking/module_table_internal.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"
#include "alkaid/unwind/interrupted_code_internal.h"

namespace {

using alkaid::heap::HeapTracker;
using alkaid::heap::kMallocMoveBytes;
using alkaid::heap::MallocMove;
using alkaid::heap::tracking_thread;

static_assert(sizeof(MallocMove) <= kMallocMoveBytes);

constinit std::atomic<bool> malloc_is_libcs{true};
constinit std::atomic<bool> expects_exit{false};

MallocMove* MoveAt(void* place) { return static_cast<MallocMove*>(place); }

constexpr alkaid::internal::ExitQuestions kExitQuestions = {
    .learn = alkaid_track_expect_exit,
    .may_write = alkaid::heap::MayWriteHeapFiles,
    .ends_in_malloc = [] { return alkaid_track_exit(/*inside=*/false); }};

[[gnu::constructor]] void AnswerAtExit() { alkaid::internal::AskAtExit(&kExitQuestions); }

// At exit of the process, since the library is never unloaded. Asks now: later destructors are
// called by code of the compiler's, which a stack walk cannot pass.
[[gnu::destructor]] void SeeWhatEnds() {
  if (expects_exit.load(std::memory_order_relaxed)) alkaid_track_exit(/*inside=*/false);
}

}  // namespace

void alkaid_track_malloc(const void* ptr, size_t size) {
  HeapTracker& tracker = HeapTracker::Get();
  if (!tracker.on()) return;
  const int kept = errno;
  tracker.OnMalloc(ptr, size, __builtin_return_address(0));
  errno = kept;
}

void alkaid_track_free(const void* ptr) {
  HeapTracker& tracker = HeapTracker::Get();
  if (!tracker.on()) return;
  const int kept = errno;
  tracker.OnMallocFree(ptr);
  errno = kept;
}

void alkaid_track_moving(void* move, const void* ptr) {
  const int kept = errno;
  HeapTracker::Get().OnMallocMoving(new (move) MallocMove, ptr);
  errno = kept;
}

void alkaid_track_moved(void* move, const void* ptr, size_t size) {
  if (!MoveAt(move)->watched) return;
  const int kept = errno;
  HeapTracker::Get().OnMallocMoved(MoveAt(move), ptr, size, __builtin_return_address(0));
  errno = kept;
}

void alkaid_track_gone(void* move) {
  const int kept = errno;
  HeapTracker::Get().OnMallocGone(MoveAt(move));
  errno = kept;
}

void alkaid_track_no_libc_malloc(const void* malloc) {
  malloc_is_libcs.store(false, std::memory_order_relaxed);
  alkaid::unwind::LearnOfAllocator(malloc);
}

void alkaid_track_loading() { alkaid::heap::ModuleTable::ExpectAnother(); }

void alkaid_track_guard_forks() { alkaid::internal::InstallForkGuard(); }

void alkaid_track_expect_exit() {
  const alkaid::heap::InsideTracking inside;
  alkaid::unwind::LearnWhereMallocIs();
  expects_exit.store(true, std::memory_order_relaxed);
}

bool alkaid_track_exit(bool inside) {
  const bool ends = inside || tracking_thread.inside || tracking_thread.holds_tables ||
                    tracking_thread.ends_in_malloc || alkaid::unwind::HasInterruptedMalloc();
  return tracking_thread.ends_in_malloc = ends;
}

void alkaid_track_notice(const char* text) {
  if (!HeapTracker::Get().on()) return;
  const int kept = errno;
  alkaid::internal::Notice(text);
  errno = kept;
}

namespace alkaid::heap {

bool MallocIsTheCLibrarys() { return malloc_is_libcs.load(std::memory_order_relaxed); }

}  // namespace alkaid::heap
