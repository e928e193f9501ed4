// Memory straight from the kernel, for tables that must not call an allocator that they watch.
//
// Ownership: the caller's until UnmapMemory. Threads: all functions, from any thread; none takes a
// lock. Out of memory: null. errno stays as it was, since malloc's callers look at it.
#pragma once

#include <cstddef>

#include "alkaid/base/export.h"

namespace alkaid::heap {

inline constexpr size_t kPageSize = 4096;

// `bytes` of zeros, on a page's border; what is never touched costs nothing.
ALKAID_EXPORT void* MapMemory(size_t bytes);
ALKAID_EXPORT void UnmapMemory(void* start, size_t bytes);
// Makes `bytes` from `start`, which is on a page's border, zeros again and gives their memory back;
// the range stays mapped, so whoever still reads there reads zeros.
ALKAID_EXPORT void ClearMemory(void* start, size_t bytes);

}  // namespace alkaid::heap
