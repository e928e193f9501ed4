#include <atomic>

#include "alkaid/base/notice_internal.h"
#include "alkaid/base/stderr_text_internal.h"
#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/malloc_events_internal.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {
namespace {

constinit std::atomic<bool> expected{false};
constinit std::atomic<bool> said{false};
constinit std::atomic<uint8_t> every_threads{0};  // bits that hold for every thread
constinit std::atomic<uint8_t> some_threads{0};   // bits that hold for some thread

using internal::StderrCalls;

StderrCalls CallsOfThread() noexcept {
  const uint8_t all = ThreadConfinement();
  return (all & kNoWrite) != 0     ? StderrCalls::kNone
         : (all & kOnlyWrite) != 0 ? StderrCalls::kOnlyWrite
                                   : StderrCalls::kAll;
}

void SayNoFiles(int what) {
  if ((what & kNoFiles) == 0 || !expected.load(std::memory_order_relaxed)) return;
  if (said.exchange(true)) return;
  internal::Notice(
      "a filter of system calls (seccomp) that the program sets for itself would end it when it "
      "writes a heap file; threads under the filter write none from now on");
}

}  // namespace

void ExpectHeapFiles() { expected.store(true, std::memory_order_relaxed); }

uint8_t ThreadConfinement() {
  const uint8_t own = tracking_thread.confinement | every_threads.load(std::memory_order_relaxed);
  if ((own & kSeen) != 0) return own;
  return own | some_threads.load(std::memory_order_relaxed);
}

bool MayWriteHeapFiles() { return (ThreadConfinement() & kNoFiles) == 0; }
bool MayStartThreads() { return (ThreadConfinement() & kNoThreads) == 0; }
bool MayWait() { return (ThreadConfinement() & kNoWaiting) == 0; }

void SeeThread() {
  if (some_threads.load(std::memory_order_relaxed) == 0) tracking_thread.confinement |= kSeen;
}

void InheritConfinement(uint8_t confinement) { tracking_thread.confinement = confinement | kSeen; }

void ForgetOtherThreadsFilters() { some_threads.store(ThreadConfinement() & ~kSeen); }

// For the thread that loads the library, which is almost always the first one.
[[gnu::constructor]] static void SeeFirstThread() {
  SeeThread();
  internal::AskForStderrCalls(CallsOfThread);
}

}  // namespace alkaid::heap

void alkaid_track_confining(int what) {
  using namespace alkaid::heap;  // NOLINT(google-build-using-namespace)
  if (CallsOfThread() == StderrCalls::kAll) alkaid::internal::LookAtStderr();
  if ((what & kNoWrite) != 0) SayNoFiles(what);
}

void alkaid_track_confined(int what, int every_thread) {
  using namespace alkaid::heap;  // NOLINT(google-build-using-namespace)
  const auto bits = static_cast<uint8_t>(what);
  if (every_thread != 0) {
    every_threads.fetch_or(bits, std::memory_order_relaxed);
  } else {
    tracking_thread.confinement |= bits;
    some_threads.fetch_or(bits, std::memory_order_relaxed);
  }
  SayNoFiles(what);
}

void alkaid_track_strict() {
  using namespace alkaid::heap;  // NOLINT(google-build-using-namespace)
  tracking_thread.inside = true;
  tracking_thread.confinement |= kNoFiles | kNoThreads | kNoWaiting | kOnlyWrite | kSeen;
  alkaid_track_notice(
      "the program allows a thread only to read and write (strict seccomp): what the thread "
      "allocates from now on is not seen");
}
