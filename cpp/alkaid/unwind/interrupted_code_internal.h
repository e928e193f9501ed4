// What a signal has interrupted, as its handler sees it.
//
// A handler that interrupted malloc must not allocate: malloc's locks and lists are as they were in
// the middle of a call. Most handlers keep to that. One that calls exit runs whatever is done at
// exit, and that can find out here what it must leave alone.
//
// Ownership: none. Threads: all functions, from any thread; learn before the first question.
// Out of memory: the question allocates nothing and takes about 3 KiB of stack, however deep that is. Under a sanitizer
// the answer is always no: its runtime is malloc and much else.
#pragma once

#include "alkaid/base/export.h"

namespace alkaid::unwind {

// Remembers where the code of malloc is and where this library's is, which calls it with locks
// held. Not for signal handlers.
ALKAID_EXPORT void LearnWhereMallocIs();

// The same for the library that holds `function`, an allocator's. Allocates nothing.
ALKAID_EXPORT void LearnOfAllocator(const void* function);

// Whether the calling thread is in a signal handler that interrupted that code, or code which that
// code called. Where it cannot be seen who called that, as while a function is looked up at its
// first call, it counts as if malloc had. A handler whose own caller cannot be seen counts as none.
ALKAID_EXPORT bool HasInterruptedMalloc();

}  // namespace alkaid::unwind
