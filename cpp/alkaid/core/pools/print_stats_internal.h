// How adaptors name themselves in PrintStats.
#pragma once

#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::internal {

// A line on stderr with the figures of an adaptor, called `what` ("proxy pool"). The pool below
// follows with a line of its own: without the name both would look like the same pool.
void PrintAdaptorStats(const char* what, const MemoryPool& adaptor);

}  // namespace alkaid::internal
