// What the library does when it is loaded: it obeys the environment (base/environment.h has the
// list of variables), in one constructor, after the library's other constructors.
//
// In this order: the trace of growth, tracking, heap files by signal and at exit, the leak profile,
// heap files at stamps, signals that end the process, reservations. A failure is reported in one line
// on stderr, and the program goes on. So is a variable that begins with ALKAID_ and is not known.
//
// At exit the order is that of ExitRank (base/exit_task_internal.h), after the program's own exit
// handlers and the destructors of its static objects, which were registered later.
//
// Ownership: nothing is kept here. Threads: one constructor, before main. Out of memory:
// one line, and what the environment asks for is done in part.
#pragma once

#include "alkaid/base/export.h"

// A program may define this function. The library calls it when it is loaded, before any
// constructor of the program has run. If it returns true, the program only reads other programs'
// files and must not observe itself: ALKAID_TRACK_ALLOCATIONS, ALKAID_HEAP_* and
// ALKAID_LEAK_PROFILE are then obeyed only if ALKAID_HEAP_OWNER names this process. The trace of
// growth and reservations are not affected.
extern "C" [[gnu::weak]] ALKAID_EXPORT bool alkaid_only_looks(int argument_count,
                                                              const char* const* arguments);
