// Confinement: which system calls a seccomp filter of the program still allows to each thread.
//
// A seccomp filter may end a process for a call that it does not allow. Tracking makes no system
// calls that malloc does not make. Writing a file and starting a thread make others; at exit, that
// would cost the program its exit code. So threads under such a filter do neither. A filter may
// even forbid waiting for another thread (futex), since malloc with an arena per thread may never
// wait; the tables then do without it (table_mutex_internal.h).
// libalkaid_malloc.so sees the program set a filter and reports it here.
//
// A thread inherits the filters of the thread that starts it, and no event reports this. So a
// thread that is first seen after another thread has set such a filter counts as being under it.
//
// Ownership: none. Threads: all functions, from any thread. Out of memory: nothing is allocated.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::heap {

// Bits: what a filter ends a thread for.
enum Confinement : uint8_t {
  kNoFiles = 1,     // writing a heap file
  kNoThreads = 2,   // starting a thread
  kSeen = 4,        // not of a filter: the thread's other bits are complete
  kOnlyWrite = 8,   // printing on stderr by other calls than a bare write
  kNoWrite = 16,    // writing to stderr at all
  kNoWaiting = 32,  // waiting for another thread, or waking one
};

}  // namespace alkaid::heap

extern "C" {

// A thread is about to set a filter that ends it for `what`: bits, without kSeen.
ALKAID_EXPORT void alkaid_track_confining(int what);
// The filter is in force, for the calling thread or for every thread. If heap files are expected
// and the filter forbids writing them, this prints a line on stderr, once. If the filter forbids
// stderr too, alkaid_track_confining printed it before, even if the kernel then refused the filter.
ALKAID_EXPORT void alkaid_track_confined(int what, int every_thread);

// The calling thread may only read and write from now on (seccomp's strict mode), which
// alkaid_track_confining(0) has announced. Its allocations are no longer recorded, and all bits
// above but kNoWrite hold for it. Prints a line on stderr if tracking is on.
ALKAID_EXPORT void alkaid_track_strict();

}  // extern "C"

namespace alkaid::heap {

// Heap files are expected of this process.
ALKAID_EXPORT void ExpectHeapFiles();

// For the calling thread.
ALKAID_EXPORT bool MayWriteHeapFiles();
ALKAID_EXPORT bool MayStartThreads();
ALKAID_EXPORT bool MayWait();

// Marks the calling thread as seen: from now on no other thread's filter counts as its own. Does
// nothing if a thread has such a filter already.
ALKAID_EXPORT void SeeThread();
// The thread that started the calling one has this confinement.
ALKAID_EXPORT void InheritConfinement(uint8_t confinement);
ALKAID_EXPORT uint8_t ThreadConfinement();
// In a forked child, which has only the calling thread.
ALKAID_EXPORT void ForgetOtherThreadsFilters();

}  // namespace alkaid::heap
