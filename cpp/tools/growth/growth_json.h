// The report of a leak profile as JSON, for other programs and for the script that draws it.
//
// Ownership: values. Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "alkaid/growth/growth_verdict.h"
#include "alkaid/growth/leak_profile_run.h"
#include "alkaid/growth/memory_stamp.h"

namespace alkaid::tools {

// Unknown values are null.
nlohmann::ordered_json GrowthJson(const std::string& file,
                                  std::span<const growth::MemoryStamp> stamps,
                                  const growth::GrowthVerdict& verdict,
                                  const growth::LeakProfileRun& run = {});

// The stamps themselves, a list for each of index, vm, rss and live: all, or `most` of them, evenly
// spread, with the first and the last. `most` is at least 2.
nlohmann::ordered_json PointsJson(std::span<const growth::MemoryStamp> stamps, size_t most);

}  // namespace alkaid::tools
