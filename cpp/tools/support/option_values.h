// How an option takes its values, one rule for all commands: what stands after = is its value, and
// the arguments that follow are not. CLI11 alone lets an option of several values go on with them,
// and one with nothing after = take the next.
//
// Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace alkaid::tools {

// The arguments for CLI::App::parse, which wants the last first; without the program's name.
// CLI::ValidationError for an option of `app`, or of the command that is called, that needs a value
// and has nothing after =. What stands after -- is not looked at.
std::vector<std::string> SeparateOptionValues(CLI::App& app, int argument_count,
                                              const char* const* arguments);

// Says the rule in the help of each command of `app` that has an option of several values.
void DocumentOptionValues(CLI::App& app);

}  // namespace alkaid::tools
