// Runs the `alkaid` command, or another program, on a terminal of its own; for the tests of this
// room.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/support/run_command.h"

namespace alkaid::tools {

// RunCommand on a terminal of `columns`, where stdout and stderr are one: `out`, in which lines end
// with \r\n.
CommandResult RunOnTerminal(const std::vector<std::string>& arguments, unsigned short columns,
                            const std::map<std::string, std::string>& environment);

// The same for any program in PATH; `keys` are typed there.
CommandResult RunProgramOnTerminal(const std::vector<std::string>& program, unsigned short columns,
                                   const std::map<std::string, std::string>& environment,
                                   const std::string& keys);

}  // namespace alkaid::tools
