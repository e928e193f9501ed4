// MeasureMemory: a MemoryStamp of this process, now.
//
// The accounts are read one after the other, the kernel's first. None of it stays allocated:
// measuring does not show in what is measured. An allocator over which there is no pool is not
// started.
//
//   vm        as the kernel has it, but of the address space reserved for guarded blocks
//             (core/pools/guarded_memory_pool.h) only what is live, or the first would be a step of 34 GB
//   live      what the pools over an allocator have handed out; adaptors (proxies, capped pools) are
//             passed over, since the pool below counts the same bytes. A pool over a memory resource or
//             a standard allocator counts by itself.
//   held,     of glibc's malloc, jemalloc and mimalloc together (core/pools/allocator_statistics.h). Unknown
//   in_use    where malloc is not glibc's. Backends that a program registered are not among them.
//   roots,    while views are tracked (ALKAID_TRACK_ALLOCATIONS=views)
//   visible
//
// Cost: some 20 us, more where glibc has many free blocks; while views are tracked 100 ns for each.
// Ownership: values. Threads: any. Out of memory: kResourceExhausted for the views,
// and for messages; nothing else allocates.
#pragma once

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/growth/memory_stamp.h"

namespace alkaid::growth {

// All but the released columns. As ReadProcessMemory where that fails.
ALKAID_EXPORT Result<MemoryStamp> MeasureMemory();
// The same without roots and visible.
ALKAID_EXPORT Result<MemoryStamp> MeasureMemoryWithoutViews();

// ReleaseUnused on every built-in backend that a pool stands on, and on malloc. mimalloc gives back
// what the calling thread freed, not what other threads keep.
ALKAID_EXPORT void ReleaseAllUnused();

}  // namespace alkaid::growth
