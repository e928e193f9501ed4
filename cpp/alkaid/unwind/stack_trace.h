// Walking the calling thread's stack, by one of three unwinders.
//
// Rules of kCallFrameInfo are kept by address, with some of the code that they are of: the call and
// the function's first 16 bytes. After a library was unloaded, built anew and loaded at the same
// place, a frame that differs where these do not can be taken for the old one; every 1024th walk of
// a thread looks all its rules up.
//
// A walk ends where the next frame's address is in no loaded library and in no registered code:
// what a coroutine's first frame has as its caller, or what wrong call frame information leads to.
// The C++ runtime is never asked to go on from there, as it would read code at that address. It
// also ends at a frame whose caller cannot be seen before the runtime goes there.
//
// Ownership: none. Threads: all functions, from any thread; the first two unwinders take no lock,
// so a forked child can use them whatever its parent's threads were about.
// Out of memory: no unwinder allocates on its usual way. Not for signal handlers, save
// CaptureInterruptedStack and VisitStack.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::unwind {

// Who walks the stack. What a frame costs with each: docs/heap.md.
enum class Unwinder {
  // The call frame information that every library carries, from a cache. Right through code
  // without frame pointers.
  kCallFrameInfo,
  // The chain of frame pointers: ends, or goes astray, at the first function without one.
  kFramePointers,
  // The unwinder of the C++ runtime (_Unwind_Backtrace): as right as the first, and slow.
  kRuntime,
};

// On a stack that is not the thread's own, as a coroutine has, kFramePointers asks the C++ runtime:
// frame pointers that lead astray could lead out of it.
//
// Fills `frames` with at most `max_frames` return addresses, innermost first: the caller of this
// function is the first. Returns how many.
ALKAID_EXPORT int CaptureStack(Unwinder unwinder, uint64_t* frames, int max_frames);

// The same, and in `stack_pointers` where the frame of each begins: what the stack pointer is there
// once the call that the address is of has returned. What lies from there up to the next one's is
// of that frame.
ALKAID_EXPORT int CaptureStackPlaces(Unwinder unwinder, uint64_t* frames, uint64_t* stack_pointers,
                                     int max_frames);

// Shows `take` each of those addresses, however many there are, until it returns false. As kRuntime
// finds them, and as slow.
ALKAID_EXPORT void VisitStack(bool (*take)(void* taker, uint64_t address), void* taker);

// The stack that a signal interrupted, for its handler: `context` is what a handler with SA_SIGINFO
// gets. By the rules of kCallFrameInfo; ends at the first frame that cannot be left by one. The
// first entry is one more than the address of the interrupted instruction, so that all can be read
// as return addresses. May be called in signal handlers: takes no lock, allocates nothing and never
// asks the C++ runtime.
ALKAID_EXPORT int CaptureInterruptedStack(const void* context, uint64_t* frames, int max_frames);

// How often kCallFrameInfo had to ask the C++ runtime, because a frame could not be left by a rule.
ALKAID_EXPORT uint64_t CountOfRuntimeWalks();

}  // namespace alkaid::unwind
