// IsRegularOrMissing: whether libdw may open a name that a file contains. It opens whatever has
// that name, and would wait for a pipe or a device.
//
// Threads: all functions. Allocates nothing.
#pragma once

#include <string>

namespace alkaid::tools {

// Whether nothing has this name, or a regular file has it.
bool IsRegularOrMissing(const std::string& path);

}  // namespace alkaid::tools
