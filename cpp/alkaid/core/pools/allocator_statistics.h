// What the allocators of the built-in pools hold from the system, and how much of it is in use.
//
//   const AllocatorStatistics jemalloc = GetAllocatorStatistics("jemalloc");
//   if (jemalloc.held_bytes && jemalloc.in_use_bytes) {
//     const int64_t free_and_kept = *jemalloc.held_bytes - *jemalloc.in_use_bytes;
//   }
//
// All figures are for the whole process, whichever pool or thread asks:
//
//            held                                          in use
//   system   the size that glibc's arenas have grown to    blocks that are not free, with their
//            and its mapped blocks, touched or not         headers: the whole program's malloc
//   jemalloc stats.resident: active and freed pages that   stats.allocated, less what threads'
//            are in memory, and its own tables             caches keep
//   mimalloc what it has committed, touched or not. From   what the pools over it have handed out
//            version 3.3 on this still counts what it has
//            given back
//
// Guarded blocks (guarded_memory_pool.h) are not in the allocator; those of a built-in backend are
// added to both of its figures.
//
// ReleaseUnused on a pool lowers the held figure, with two exceptions: "system", and mimalloc from
// 3.3 on. glibc also gives pages back from within an arena, and still counts them. Only the
// process's memory shows it.
//
// Cost: about 10 us. glibc's grows with the number of its free blocks, since it counts them one by
// one with its arenas locked.
// Ownership: values. Threads: any. Allocates nothing. Does not start an allocator over which there
// is no pool.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "alkaid/base/export.h"

namespace alkaid {

// In bytes; no value if not known.
struct AllocatorStatistics {
  std::optional<int64_t> held_bytes;
  std::optional<int64_t> in_use_bytes;
};

// `backend`: "system", "jemalloc" or "mimalloc". No values for other backends, and for "system" if
// malloc is not glibc's, as under a sanitizer. Both are 0 if there is no pool over the allocator,
// and so if this build lacks it.
ALKAID_EXPORT AllocatorStatistics GetAllocatorStatistics(std::string_view backend);

}  // namespace alkaid
