// Walking the calling thread's stack, by one of three unwinders.
//
// Ownership: none. Threads: all functions, from any thread; none takes a lock on its usual way.
// Out of memory: no unwinder allocates on its usual way. Not for signal handlers.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/profile/tracking.h"

namespace alkaid::profile {

// Fills `frames` with at most `max_frames` return addresses, innermost first: the caller of this
// function is the first. Returns how many.
ALKAID_EXPORT int CaptureStack(Unwinder unwinder, uint64_t* frames, int max_frames);

// How often kCallFrameInfo had to ask the C++ runtime, because a frame could not be left by a rule.
ALKAID_EXPORT uint64_t CountOfRuntimeWalks();

}  // namespace alkaid::profile
