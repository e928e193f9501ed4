// Reading and steering the jemalloc that stands behind jemalloc_memory_pool().
//
// This jemalloc is the library's own copy; a jemalloc that the program links or preloads is another
// and is not touched. Where the library was built without it, every function answers
// kUnimplemented.
// Ownership: nothing is handed over. Threads: any. Out of memory: kResourceExhausted.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid {

// Milliseconds until pages that nobody uses go back to the operating system: 0 at once, -1 never.
// Applies to the arenas that exist and to later ones. Below -1: kInvalidArgument.
ALKAID_EXPORT Status jemalloc_set_decay_ms(int ms);

// A statistic by its name in jemalloc's manual, such as "stats.allocated" (bytes) or
// "stats.arenas.0.small.nmalloc". The figures are refreshed first. kNotFound where jemalloc has no
// integer of that name.
ALKAID_EXPORT Result<int64_t> jemalloc_get_stat(const char* name);

// Starts the calling thread's peak ("thread.peak.read") anew.
ALKAID_EXPORT Status jemalloc_peak_reset();

// jemalloc's report, to stderr or piece by piece to `write`. `opts` as malloc_stats_print's in its
// manual. What `write` throws passes through, once jemalloc is done; it is not called again before.
ALKAID_EXPORT Status jemalloc_stats_print(const char* opts = "");
ALKAID_EXPORT Status jemalloc_stats_print(const std::function<void(const char*)>& write,
                                          const char* opts = "");
ALKAID_EXPORT Result<std::string> jemalloc_stats_string(const char* opts = "");

}  // namespace alkaid
