// MeasureMemory: a MemoryStamp of this process, now.
//
// The accounts are read one after the other, the kernel's first. Nothing stays allocated, so
// measuring does not show in the figures. An allocator without a pool is not started.
//
//   vm        the kernel's figure; of the address space reserved for guarded blocks
//             (core/pools/guarded_memory_pool.h) only the live part counts, or the first one would
//             be a step of 34 GB
//   live      what the pools over an allocator have handed out. Adaptors (proxies, capped pools)
//             are skipped, since the pool below counts the same bytes. A pool over a memory
//             resource or a standard allocator counts by itself.
//   held,     glibc's malloc, jemalloc and mimalloc together (core/pools/allocator_statistics.h).
//   in_use    Unknown where malloc is not glibc's. Backends that a program registered do not count.
//   roots,    while views are tracked (ALKAID_TRACK_ALLOCATIONS=views)
//   visible
//
// Cost: about 20 us, more where glibc has many free blocks; while views are tracked 100 ns for each
// view. Ownership: values. Threads: any. Out of memory: kResourceExhausted for the views and for
// messages; nothing else allocates.
#pragma once

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/growth/memory_stamp.h"

namespace alkaid::growth {

// All but the released columns. Fails like ReadProcessMemory.
ALKAID_EXPORT Result<MemoryStamp> MeasureMemory();
// The same without roots and visible.
ALKAID_EXPORT Result<MemoryStamp> MeasureMemoryWithoutViews();

// Calls ReleaseUnused on every built-in backend that a pool uses, and on malloc. mimalloc gives
// back what the calling thread freed, not what other threads keep.
ALKAID_EXPORT void ReleaseAllUnused();

}  // namespace alkaid::growth
