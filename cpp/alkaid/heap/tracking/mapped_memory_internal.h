// Memory from the kernel, for tables that must not call an allocator that they watch.
//
// Ownership: the caller's until UnmapMemory. Threads: all functions, from any thread; none takes a
// lock. Out of memory: null. errno is unchanged, since malloc's callers look at it.
#pragma once

#include <cstddef>

#include "alkaid/base/export.h"

namespace alkaid::heap {

inline constexpr size_t kPageSize = 4096;

// `bytes` of zeros, page-aligned; pages that are never touched cost no memory.
ALKAID_EXPORT void* MapMemory(size_t bytes);
ALKAID_EXPORT void UnmapMemory(void* start, size_t bytes);
// Turns `bytes` from `start` (page-aligned) into zeros and returns their memory to the kernel. The
// range stays mapped, so a thread that still reads there reads zeros.
ALKAID_EXPORT void ClearMemory(void* start, size_t bytes);

}  // namespace alkaid::heap
