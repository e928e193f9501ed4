// exit, of a thread that is in the middle of the allocator.
//
// A signal handler that interrupted malloc may call exit, and what a siglongjmp has left may have
// kept its locks. Without this library a program mostly ends all the same, as ending allocates
// nothing and gives nothing back. With it the C library's list of what is called at exit is longer,
// and parts of it are given back on the way: so the thread is kept from the allocator.
//
// A return from main comes to the C library's own exit and is not seen here: the thread is asked
// when the libraries are left.
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

// A handler must not look anything up.
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

// The compiler knows that exit does not return, and would not leave by a jump.
extern "C" ALKAID_EXPORT void AlkaidExit(int code) __asm__("exit");

void AlkaidExit(int code) {
  AskWhatEnds();
  Exit* const next = next_exit.load(std::memory_order_acquire);
  (next != nullptr ? next : LookUp())(code);
}
