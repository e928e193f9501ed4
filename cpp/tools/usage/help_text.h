// The help of the command and of each command below it, laid out for a terminal.
//
// Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>

#include "tools/usage/command_description.h"

namespace alkaid::tools {

// How a heading is written: as it is, or emphasized (terminal.h).
using HeadingStyle = std::string (*)(const std::string& heading);

std::string PlainHeading(const std::string& heading);

// All there is to say of a command; of one with commands below it, what these are for.
std::string HelpText(const CommandDescription& command, size_t columns, HeadingStyle style);

// The same for what `fd` is: its width, its colours.
std::string HelpTextFor(const CommandDescription& command, int fd);

}  // namespace alkaid::tools
