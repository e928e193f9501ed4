// Whether the program, which may have given up system calls, can still have a heap file.
//
// A filter of seccomp may end a process for a call that it does not allow. Tracking makes none
// beyond malloc's; writing a file and starting a thread make others, and at exit that would cost
// the program its exit code. So neither is done on threads under such a filter. Of malloc's calls,
// a thread that has an arena of its own may never need the one that waits for another thread; the
// tables then do without it (table_mutex_internal.h).
// libalkaid_malloc.so, which sees the program set one, tells of it.
//
// A thread inherits the filters of the one that starts it, and nobody says so. So a thread that is
// first seen after another has set such a filter counts as being under it.
//
// Ownership: none. Threads: all functions, from any thread. Out of memory: nothing is allocated.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::heap {

// What a filter ends a thread for: bits.
enum Confinement : uint8_t {
  kNoFiles = 1,     // to write a heap file
  kNoThreads = 2,   // to start a thread
  kSeen = 4,        // not of a filter: the thread's other bits are all there is
  kOnlyWrite = 8,   // to say a line on stderr, but by a bare write
  kNoWrite = 16,    // to write to stderr at all
  kNoWaiting = 32,  // to wait for another thread, or wake one
};

}  // namespace alkaid::heap

extern "C" {

// A thread is about to set a filter that ends it for `what`: bits but kSeen.
ALKAID_EXPORT void alkaid_track_confining(int what);
// The filter is in force, for the calling thread or for every thread. Where it ends who writes a
// heap file, and files are asked for, a line on stderr says so once. Where nothing can be said
// under the filter, alkaid_track_confining has said it, even if the kernel then refused the filter.
ALKAID_EXPORT void alkaid_track_confined(int what, int every_thread);

// The calling thread may do nothing from now on but read and write (the strict mode of seccomp),
// which alkaid_track_confining(0) has announced: what it allocates is not recorded any more, and it
// may do none of the above but a bare write. A line on stderr says so.
ALKAID_EXPORT void alkaid_track_strict();

}  // extern "C"

namespace alkaid::heap {

// Heap files are asked for.
ALKAID_EXPORT void ExpectHeapFiles();

// On the calling thread.
ALKAID_EXPORT bool MayWriteHeapFiles();
ALKAID_EXPORT bool MayStartThreads();
ALKAID_EXPORT bool MayWait();

// The calling thread is seen: from now on no other thread's filter counts as its own. Does nothing
// where there is such a filter already.
ALKAID_EXPORT void SeeThread();
// The calling thread was started by one that has this confinement.
ALKAID_EXPORT void InheritConfinement(uint8_t confinement);
ALKAID_EXPORT uint8_t ThreadConfinement();
// In a forked child, which has the calling thread alone.
ALKAID_EXPORT void ForgetOtherThreadsFilters();

}  // namespace alkaid::heap
