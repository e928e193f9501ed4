// Files that libdw may be let open by a name that a file gives: it opens what the name stands for,
// and would wait for a pipe or a device.
//
// Threads: all functions. Allocates nothing.
#pragma once

#include <string>

namespace alkaid::tools {

// Whether nothing has this name, or a regular file has it.
bool IsRegularOrMissing(const std::string& path);

}  // namespace alkaid::tools
