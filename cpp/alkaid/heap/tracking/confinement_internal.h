// Whether the program, which may have given up system calls, can still have a heap file.
//
// A filter of seccomp may end a process for a call that it does not allow. Tracking makes none beyond
// malloc's; writing a file makes others, and at exit it would cost the program its exit code. So what is
// asked for is not written on threads under such a filter. libalkaid_malloc.so, which sees the program
// set one, tells of it.
//
// Ownership: none. Threads: all functions, from any thread. Out of memory: nothing is allocated.
#pragma once

#include "alkaid/base/export.h"

extern "C" {

// A thread sets a filter that ends it where it writes a file. Where files are asked for a line on stderr
// says so, once: afterwards that may be denied too.
ALKAID_EXPORT void alkaid_track_confining();
// The filter is in force, for the calling thread or for every thread.
ALKAID_EXPORT void alkaid_track_confined(int every_thread);

}  // extern "C"

namespace alkaid::heap {

// Heap files are asked for.
ALKAID_EXPORT void ExpectHeapFiles();
// On the calling thread.
ALKAID_EXPORT bool MayWriteHeapFiles();

}  // namespace alkaid::heap
