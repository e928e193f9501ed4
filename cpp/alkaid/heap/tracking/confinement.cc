#include <atomic>

#include "alkaid/base/notice_internal.h"
#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {
namespace {

constinit std::atomic<bool> expected{false};
constinit std::atomic<bool> said{false};
constinit std::atomic<bool> confined{false};  // every thread is

}  // namespace

void ExpectHeapFiles() { expected.store(true, std::memory_order_relaxed); }

bool MayWriteHeapFiles() {
  return !tracking_thread.confined && !confined.load(std::memory_order_relaxed);
}

}  // namespace alkaid::heap

void alkaid_track_confining() {
  using namespace alkaid::heap;  // NOLINT(google-build-using-namespace)
  if (!expected.load(std::memory_order_relaxed) || said.exchange(true)) return;
  alkaid::internal::Notice(
      "a filter of system calls (seccomp) that the program sets for itself would end it where it "
      "writes "
      "a heap file: none is written from now on");
}

void alkaid_track_confined(int every_thread) {
  if (every_thread != 0) {
    alkaid::heap::confined.store(true, std::memory_order_relaxed);
  } else {
    alkaid::heap::tracking_thread.confined = true;
  }
}
