// Finds out, in a signal handler, which code the signal has interrupted.
//
// A handler that interrupted malloc must not allocate: malloc's locks and lists are in the middle
// of a call. Most handlers keep to that. A handler that calls exit also runs the exit tasks, which
// can find out here what they must leave alone.
//
// Ownership: none. Threads: all functions, from any thread; learn before the first question.
// Out of memory: the question allocates nothing and takes about 3 KiB of stack, at any depth. Under
// a sanitizer the answer is always no: its runtime replaces malloc and much else.
#pragma once

#include "alkaid/base/export.h"

namespace alkaid::unwind {

// Records where the code of malloc is, and the code of this library, which calls malloc with locks
// held. Not for signal handlers.
ALKAID_EXPORT void LearnWhereMallocIs();

// The same for the allocator library that holds `function`. Allocates nothing.
ALKAID_EXPORT void LearnOfAllocator(const void* function);

// Whether the calling thread is in a signal handler that interrupted that code, or code that it
// called. If the caller of interrupted library code cannot be seen, as while a function is looked
// up at its first call, it counts as called by malloc. If the handler's own caller cannot be seen,
// the answer is no.
ALKAID_EXPORT bool HasInterruptedMalloc();

}  // namespace alkaid::unwind
