// Reading and tuning the jemalloc of jemalloc_memory_pool().
//
// This jemalloc is the library's own copy; one that the program links or preloads is separate and
// not touched. If the library was built without it, every function returns kUnimplemented.
// Ownership: nothing is handed over. Threads: any. Out of memory: kResourceExhausted.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid {

// Milliseconds until unused pages go back to the operating system: 0 at once, -1 never. Applies to
// existing and later arenas. Below -1: kInvalidArgument.
ALKAID_EXPORT Status jemalloc_set_decay_ms(int ms);

// A statistic by its name in jemalloc's manual, such as "stats.allocated" (bytes) or
// "stats.arenas.0.small.nmalloc". Refreshes the figures first. kNotFound if jemalloc has no integer
// of that name.
ALKAID_EXPORT Result<int64_t> jemalloc_get_stat(const char* name);

// Restarts the calling thread's peak ("thread.peak.read").
ALKAID_EXPORT Status jemalloc_peak_reset();

// jemalloc's report, to stderr or piece by piece to `write`. `opts` as for malloc_stats_print in
// its manual. An exception of `write` passes through once jemalloc is done; `write` is not called
// again before.
ALKAID_EXPORT Status jemalloc_stats_print(const char* opts = "");
ALKAID_EXPORT Status jemalloc_stats_print(const std::function<void(const char*)>& write,
                                          const char* opts = "");
ALKAID_EXPORT Result<std::string> jemalloc_stats_string(const char* opts = "");

}  // namespace alkaid
