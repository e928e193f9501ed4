// Walking the calling thread's stack, by one of three unwinders.
//
// The rules of kCallFrameInfo are cached by address, together with some of the code that they
// belong to: the call and the function's first 16 bytes. If a library is unloaded, rebuilt and
// loaded at the same place, a frame may get a stale rule although its own code has changed
// elsewhere. So every 1024th walk of a thread looks up all its rules again.
//
// A walk ends if the next frame's address is in no loaded library and in no registered code: the
// caller of a coroutine's first frame, or the result of wrong call frame information. The C++
// runtime is never asked to go on from there, as it would read code at that address. A walk also
// ends at a frame whose caller cannot be determined before the runtime goes there.
//
// Ownership: none. Threads: all functions, from any thread. The first two unwinders take no lock,
// so a forked child can use them, whatever its parent's threads were doing.
// Out of memory: no unwinder allocates on its usual path. Not for signal handlers, except
// CaptureInterruptedStack and VisitStack.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::unwind {

// The unwinders. For the cost of a frame with each see docs/heap.md.
enum class Unwinder {
  // The call frame information that every library carries, from a cache. Correct for code without
  // frame pointers.
  kCallFrameInfo,
  // The chain of frame pointers: ends or fails at the first function without one.
  kFramePointers,
  // The C++ runtime's unwinder (_Unwind_Backtrace): as correct as the first, and slow.
  kRuntime,
};

// Fills `frames` with at most `max_frames` return addresses, innermost first: the caller of this
// function is the first. Returns how many.
//
// On a stack that is not the thread's own, such as a coroutine's, kFramePointers uses the C++
// runtime: a wrong frame pointer could lead out of that stack.
ALKAID_EXPORT int CaptureStack(Unwinder unwinder, uint64_t* frames, int max_frames);

// The same; `stack_pointers` gets where each frame begins: the stack pointer after the call at that
// address has returned. The memory from there up to the next one's is that frame's.
ALKAID_EXPORT int CaptureStackPlaces(Unwinder unwinder, uint64_t* frames, uint64_t* stack_pointers,
                                     int max_frames);

// Passes each of these addresses to `take`, without limit, until it returns false. As kRuntime
// finds them, and as slow.
ALKAID_EXPORT void VisitStack(bool (*take)(void* taker, uint64_t address), void* taker);

// The stack that a signal interrupted, for its handler: `context` is the third argument of a
// handler with SA_SIGINFO. Uses the rules of kCallFrameInfo, and ends at the first frame that has
// none. The first entry is the address of the interrupted instruction plus one, so that all entries
// can be read as return addresses. May be called in signal handlers: takes no lock, allocates
// nothing and never calls the C++ runtime.
ALKAID_EXPORT int CaptureInterruptedStack(const void* context, uint64_t* frames, int max_frames);

// How often kCallFrameInfo had to use the C++ runtime, because a frame had no rule.
ALKAID_EXPORT uint64_t CountOfRuntimeWalks();

}  // namespace alkaid::unwind
