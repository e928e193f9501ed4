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

// Checks that a name ends in .png or .svg; otherwise kInvalidArgument.
Status CheckPlotName(const std::string& path);

// Draws points of VM, RSS and live, with the line of each and its interval, into `path`. `file` is
// the name of the profile in the picture. The script prints on stderr, for example which package is
// missing.
Status DrawLeakProfile(const std::string& file, std::span<const growth::MemoryStamp> stamps,
                       const growth::GrowthVerdict& verdict, const std::string& path);

}  // namespace alkaid::tools
