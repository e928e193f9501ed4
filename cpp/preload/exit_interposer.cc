// exit, called by a thread that is in the middle of the allocator.
//
// A signal handler that interrupted malloc may call exit, and a siglongjmp out of malloc may have
// left its locks held. Without this library such a program usually still ends, since its exit
// allocates and frees nothing. With it the C library's list of exit functions is longer, and parts
// of the list are freed on the way. So the thread is kept away from the allocator.
//
// A return from main calls the C library's own exit and does not come here: that thread is checked
// when the libraries' destructors run.
//
// Ownership: none. Threads: any. Out of memory: nothing is allocated.

#include <atomic>

#include "alkaid/heap/tracking/malloc_events_internal.h"
#include "preload/next_allocator_internal.h"

namespace {

using alkaid::heap::preload::InNextAllocator;
using Exit = void(int);

constinit std::atomic<Exit*> next_exit{nullptr};

Exit* LookUp() {
  auto* const found = reinterpret_cast<Exit*>(alkaid::heap::preload::NextDefinition("exit"));
  next_exit.store(found, std::memory_order_release);
  return found;
}

// A handler must not look up functions.
[[gnu::constructor]] void LookUpAtLoad() {
  LookUp();
  alkaid_track_expect_exit();
}

[[gnu::destructor]] void AskWhatEnds() {
  if (alkaid_track_exit(InNextAllocator::inside())) {
    alkaid::heap::preload::LeaveNextAllocatorAlone();
  }
}

}  // namespace

// Under another name: the compiler knows that exit does not return, and would not end it in a jump.
extern "C" ALKAID_EXPORT void AlkaidExit(int code) __asm__("exit");

void AlkaidExit(int code) {
  AskWhatEnds();
  Exit* const next = next_exit.load(std::memory_order_acquire);
  (next != nullptr ? next : LookUp())(code);
}
