// PrintAdaptorStats: how adaptors name themselves in PrintStats.
#pragma once

#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::internal {

// Writes a line with the adaptor's figures to stderr, naming it `what` ("proxy pool"). The pool
// below follows with its own line: without the name both would look like one pool.
void PrintAdaptorStats(const char* what, const MemoryPool& adaptor);

}  // namespace alkaid::internal
