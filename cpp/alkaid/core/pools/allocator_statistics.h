// What the allocators under the built-in pools have from the system, and what of it is in use.
//
//   const AllocatorStatistics jemalloc = GetAllocatorStatistics("jemalloc");
//   if (jemalloc.held_bytes && jemalloc.in_use_bytes) {
//     const int64_t free_and_kept = *jemalloc.held_bytes - *jemalloc.in_use_bytes;
//   }
//
// All are of the whole process, whichever pool or thread asked:
//
//            held                                          in use
//   system   what glibc's arenas have grown to, and its    blocks that are not free, with their
//            mapped blocks; touched or not                 headers: the whole program's malloc
//   jemalloc stats.resident: active and freed pages that   stats.allocated, less what the caches of
//            are in memory, and its own tables             threads keep
//   mimalloc what it has committed; touched or not. From   what the pools over it have handed out
//            version 3.3 on also what it has given back,
//            which it goes on counting
//
// Guarded blocks (guarded_memory_pool.h) are not in the allocator; a built-in backend's are added
// to both of its figures.
//
// ReleaseUnused on a pool lowers what is held, except with "system" and with such a mimalloc: glibc
// too gives pages back from within an arena, and goes on counting them. Only the process's memory
// shows it.
//
// Cost: some 10 us; glibc's grows with the number of its free blocks, since it counts them one by
// one with its arenas locked.
// Ownership: values. Threads: any. Allocates nothing. An allocator that no pool has been made over
// is not started by asking.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "alkaid/base/export.h"

namespace alkaid {

// In bytes; nothing where it is not known.
struct AllocatorStatistics {
  std::optional<int64_t> held_bytes;
  std::optional<int64_t> in_use_bytes;
};

// `backend`: "system", "jemalloc" or "mimalloc". Nothing is known of other backends, and of
// "system" where malloc is not glibc's, as under a sanitizer. Both are 0 where there is no pool
// over it, and so where this build is without it.
ALKAID_EXPORT AllocatorStatistics GetAllocatorStatistics(std::string_view backend);

}  // namespace alkaid
