// What the interposer of malloc (cpp/preload) tells of each call. While tracking is off each is a
// load and a branch.
//
// Ownership: pointers are identities. Threads: all functions, from any thread, at any moment of a
// process: before constructors, after destructors, around a fork. None changes errno.
// Out of memory: `lost` of the root counts.
#pragma once

#include <cstddef>

#include "alkaid/base/export.h"

namespace alkaid::heap {
struct MallocMove;
}

extern "C" {

// A block that malloc has given, `size` bytes as asked for. The back-trace begins with the caller
// of the function that calls this one.
ALKAID_EXPORT void alkaid_track_malloc(const void* ptr, size_t size);
// A block, not null, that is about to be given back.
ALKAID_EXPORT void alkaid_track_free(const void* ptr);

// Around a realloc of a block that is not null. `move`, of kMallocMoveBytes, is the caller's, from
// the first call to the second.
ALKAID_EXPORT void alkaid_track_moving(void* move, const void* ptr);
// How it ended: `ptr` is null where malloc refused and the old block is as it was.
ALKAID_EXPORT void alkaid_track_moved(void* move, const void* ptr, size_t size);
// Or that the block was given back, which is what realloc to no bytes does.
ALKAID_EXPORT void alkaid_track_gone(void* move);

// The blocks come from an allocator that is not the C library's, whose malloc this is: the C
// library's figures say nothing of them.
ALKAID_EXPORT void alkaid_track_no_libc_malloc(const void* malloc);

// A library is about to be loaded.
ALKAID_EXPORT void alkaid_track_loading();

// Has the library's fork handlers registered, so that they are before those that are registered
// later.
ALKAID_EXPORT void alkaid_track_guard_forks();

// Learns what alkaid_track_exit has to know, and has it asked when this library is left too. Not
// for signal handlers.
ALKAID_EXPORT void alkaid_track_expect_exit();

// The calling thread ends the program; `inside` says that it is known to be in the middle of the
// allocator. Returns whether it is in the middle of that or of this library: in a signal handler, or
// since one has left it by siglongjmp. Their locks may be its own then, so it takes none of them
// from now on. Allocates nothing and makes no system call.
ALKAID_EXPORT bool alkaid_track_exit(bool inside);

// Prints a line on stderr where tracking is on: for what cannot be seen.
ALKAID_EXPORT void alkaid_track_notice(const char* text);

}  // extern "C"

namespace alkaid::heap {

inline constexpr size_t kMallocMoveBytes = 80;

// False from alkaid_track_no_libc_malloc on.
ALKAID_EXPORT bool MallocIsTheCLibrarys();

}  // namespace alkaid::heap
