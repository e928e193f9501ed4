// Draws a leak profile, by the Python script that is installed beside the command.
//
// Threads: any. Out of memory: throws std::bad_alloc.
#pragma once

#include <span>
#include <string>

#include "alkaid/base/status.h"
#include "alkaid/growth/growth_verdict.h"
#include "alkaid/growth/memory_stamp.h"

namespace alkaid::tools {

// Whether a name ends as a plot's does: .png or .svg. kInvalidArgument where not.
Status CheckPlotName(const std::string& path);

// Points of VM, RSS and live, the line of each and its interval, into `path`. `file` is what the
// profile is called. What the script has to say, such as which package is missing, is on stderr.
Status DrawLeakProfile(const std::string& file, std::span<const growth::MemoryStamp> stamps,
                       const growth::GrowthVerdict& verdict, const std::string& path);

}  // namespace alkaid::tools
