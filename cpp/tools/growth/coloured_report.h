// The report of a leak profile as it is printed to a stream: its verdict stands out where the stream
// shows colours (terminal.h).
#pragma once

#include <string>
#include <vector>

#include "alkaid/growth/growth_verdict.h"
#include "alkaid/growth/leak_profile_run.h"
#include "alkaid/growth/memory_stamp.h"

namespace alkaid::tools {

// GrowthReport for `fd`. Throws std::bad_alloc.
std::string ColouredReport(const std::vector<growth::MemoryStamp>& stamps,
                           const growth::GrowthVerdict& verdict, const growth::LeakProfileRun& run,
                           int fd);

}  // namespace alkaid::tools
