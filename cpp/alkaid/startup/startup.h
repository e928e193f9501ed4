// What the library does when it is loaded: what the environment asks for (base/environment.h has
// the list of variables), in one constructor, after all that the library makes at that time.
//
// In this order: the trace of growth, tracking, heap files by signal and at exit, the leak profile,
// heap files at stamps, signals that end the process, reservations. What cannot be done is one line
// on stderr, and the program goes on. So is a variable that begins with ALKAID_ and is not known.
//
// At exit the order is that of ExitRank (base/exit_task_internal.h), after the program's own exit
// handlers and the destructors of its static objects, which were registered later.
//
// Ownership: nothing is kept here. Threads: one constructor, before main. Out of memory:
// std::bad_alloc ends the program before it begins.
#pragma once

#include "alkaid/base/export.h"

// A program may define this function. The library calls it when it is loaded, before any
// constructor of the program has run. Where it answers true, the program only looks at what others
// have left, and asks nothing of itself: ALKAID_TRACK_ALLOCATIONS, ALKAID_HEAP_* and
// ALKAID_LEAK_PROFILE are heard only where ALKAID_HEAP_OWNER names this very process. The trace of
// growth and reservations are not concerned.
extern "C" [[gnu::weak]] ALKAID_EXPORT bool alkaid_only_looks(int argument_count,
                                                              const char* const* arguments);
