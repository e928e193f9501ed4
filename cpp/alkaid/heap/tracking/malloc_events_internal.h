// The functions that the malloc interposer (cpp/preload) calls. While tracking is off, those for
// each malloc call cost a load and a branch.
//
// Ownership: pointers are identities. Threads: all functions, from any thread, at any moment of a
// process: before constructors, after destructors, around a fork. None changes errno.
// Out of memory: counted in `lost` of the root.
#pragma once

#include <cstddef>

#include "alkaid/base/export.h"

namespace alkaid::heap {
struct MallocMove;
}

extern "C" {

// malloc returned a block; `size` is the requested size in bytes. The stack trace begins with the
// caller of the function that calls this one.
ALKAID_EXPORT void alkaid_track_malloc(const void* ptr, size_t size);
// A block, not null, is about to be freed.
ALKAID_EXPORT void alkaid_track_free(const void* ptr);

// Before a realloc of a block that is not null. `move` is the caller's memory of kMallocMoveBytes,
// kept until one of the next two calls.
ALKAID_EXPORT void alkaid_track_moving(void* move, const void* ptr);
// After the realloc. `ptr` is null if it failed; then the old block is unchanged.
ALKAID_EXPORT void alkaid_track_moved(void* move, const void* ptr, size_t size);
// Instead: the realloc freed the block, as realloc to 0 bytes does.
ALKAID_EXPORT void alkaid_track_gone(void* move);

// The blocks come from another allocator than the C library's, so the C library's figures do not
// include them. `malloc` is the address of that allocator's function.
ALKAID_EXPORT void alkaid_track_no_libc_malloc(const void* malloc);

// A library is about to be loaded.
ALKAID_EXPORT void alkaid_track_loading();

// Registers the library's fork handlers now, so that they precede handlers registered later.
ALKAID_EXPORT void alkaid_track_guard_forks();

// Looks up what alkaid_track_exit needs. From then on this library's destructor calls it too, which
// runs only when the process exits: the library is never unloaded (-z nodelete). Not for signal
// handlers.
ALKAID_EXPORT void alkaid_track_expect_exit();

// The calling thread ends the program; `inside` says that it is known to be inside the allocator.
// Returns whether the thread is inside the allocator or this library: a signal handler interrupted
// it there, or a handler left by siglongjmp. The thread may then hold their locks, so it takes none
// of them from now on. Allocates nothing and makes no system call.
ALKAID_EXPORT bool alkaid_track_exit(bool inside);

// Prints a line on stderr if tracking is on: for what tracking cannot see.
ALKAID_EXPORT void alkaid_track_notice(const char* text);

}  // extern "C"

namespace alkaid::heap {

inline constexpr size_t kMallocMoveBytes = 80;

// False from alkaid_track_no_libc_malloc on.
ALKAID_EXPORT bool MallocIsTheCLibrarys();

}  // namespace alkaid::heap
