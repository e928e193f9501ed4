// The whole C interface of Alkaid.
//
// For C99 and later, and for C++. These rules hold for every function:
//
// - Errors. A function that can fail returns an alkaid_status: ALKAID_OK, or a code and a message,
//   alkaid_last_error(). Nothing is thrown and nothing ends the program (c/errors.h).
// - Handles. Each kind of object is an opaque struct. A function stores a reference of the caller's
//   to `**out`. The caller gives it back by alkaid_KIND_release, once, on any thread; NULL is
//   allowed there. alkaid_KIND_retain makes one more reference. On failure `*out` is NULL. In any
//   case the previous value of `*out` is overwritten, not released. An argument `const
//   alkaid_KIND*` or `alkaid_KIND*` is borrowed for the call only; an object that needs it for
//   longer takes a reference of its own. So handles may be released in any order: a field keeps its
//   bytes after batch and reader are gone.
// - NULL. NULL for a required object or for the place of a result is an error that names the
//   argument. A function that returns a value and no status returns its stated error value, and
//   sets the message.
// - Structs. The first member of a struct of options or of results is `struct_size`. The program
//   sets it to the sizeof with which it was compiled. In options, 0 or NULL in any other member
//   means the default. A newer library accepts a smaller size and uses defaults for the rest. An
//   older one accepts a larger size if all members that it does not know are 0; else ALKAID_INVALID
//   names the struct and the byte.
// - Callbacks must return normally: they neither throw nor jump.
// - Ends. Reaching the end is no error: the function returns ALKAID_OK and `*out` is NULL.
// - Threads. Handles may be used from any thread and by several at once. The exceptions change
//   their object, and are for one thread at a time: readers, events, and functions that resize or
//   write a buffer.
// - Units. Sizes, offsets and alignments are in bytes, times as each function states.
//
// A thread that is cancelled (pthread_cancel) inside a function unwinds through it, as through the
// C library's functions.
#pragma once

#include "alkaid/c/buffers.h"   // IWYU pragma: export
#include "alkaid/c/dgrams.h"    // IWYU pragma: export
#include "alkaid/c/errors.h"    // IWYU pragma: export
#include "alkaid/c/events.h"    // IWYU pragma: export
#include "alkaid/c/exchange.h"  // IWYU pragma: export
#include "alkaid/c/fields.h"    // IWYU pragma: export
#include "alkaid/c/pools.h"     // IWYU pragma: export
