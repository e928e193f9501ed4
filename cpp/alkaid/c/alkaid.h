// The C interface of Alkaid: all of it.
//
// For C99 and later, and for C++. The rules that hold for every function here:
//
// - Errors. A function that can fail returns an alkaid_status: ALKAID_OK, or a code and a message,
//   alkaid_last_error(). Nothing is thrown and nothing ends the program (c/errors.h).
// - Handles. Each kind of object is an opaque struct. What a function stores to a `**out` is a
//   reference of the caller, who gives it back by alkaid_KIND_release, once, on any thread; NULL is
//   fine there. alkaid_KIND_retain makes one reference more. Where a function fails, its `*out` is
//   NULL. Either way what was in `*out` before is overwritten, not released. An argument `const
//   alkaid_KIND*` or `alkaid_KIND*` is borrowed for the call alone: what needs the object for longer
//   takes a reference of its own. So handles may be released in any order: a field keeps the bytes
//   that it lies in after batch and reader are gone.
// - NULL where an object or a place for a result is needed is an error that names the argument.
//   Functions that return a value and no status then return what they state, and set the message.
// - Structs. The first member of a struct of options or of results is `struct_size`, which the
//   program sets to sizeof of the struct as it was compiled; all other members of options are 0 or
//   NULL for the default. A library that is newer takes a smaller size and uses defaults for the
//   rest. One that is older takes a larger size as long as all that it does not know is 0; else
//   ALKAID_INVALID names the struct and the byte.
// - Callbacks return in the ordinary way: they neither throw nor jump.
// - Ends. Reaching the end is no error: the function returns ALKAID_OK and `*out` is NULL.
// - Threads. Handles may be used from any thread and by several at once, but for what changes its
//   object: readers, events and what resizes or writes a buffer, which are for one thread at a
//   time.
// - Units. Sizes and offsets are bytes, alignments bytes, times as each function states.
//
// A thread that is cancelled (pthread_cancel) inside a function unwinds through it, as through any
// of the C library's.
#pragma once

#include "alkaid/c/buffers.h"   // IWYU pragma: export
#include "alkaid/c/dgrams.h"    // IWYU pragma: export
#include "alkaid/c/errors.h"    // IWYU pragma: export
#include "alkaid/c/events.h"    // IWYU pragma: export
#include "alkaid/c/exchange.h"  // IWYU pragma: export
#include "alkaid/c/fields.h"    // IWYU pragma: export
#include "alkaid/c/pools.h"     // IWYU pragma: export
