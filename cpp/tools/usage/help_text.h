// The help of the command and of each command below it, laid out for a terminal.
//
// Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>

#include "tools/usage/command_description.h"

namespace alkaid::tools {

// Formats a heading: unchanged, or emphasized (terminal.h).
using HeadingStyle = std::string (*)(const std::string& heading);

std::string PlainHeading(const std::string& heading);

// The full help of a command; for a command with subcommands, what these are for.
std::string HelpText(const CommandDescription& command, size_t columns, HeadingStyle style);

// The same for the width and the colours of `fd`.
std::string HelpTextFor(const CommandDescription& command, int fd);

}  // namespace alkaid::tools
