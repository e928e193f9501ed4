// One rule for the values of options, in all commands: the text after = is the value, and following
// arguments are not. Without it, CLI11 would add them to an option of several values, and take the
// next one for an option with nothing after =.
//
// Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace alkaid::tools {

// The arguments for CLI::App::parse, which expects the last one first; without the program's name.
// CLI::ValidationError for an option of `app`, or of the called command, that needs a value and has
// nothing after =. Arguments after -- are not checked.
std::vector<std::string> SeparateOptionValues(CLI::App& app, int argument_count,
                                              const char* const* arguments);

// States the rule in the help of each command of `app` that has an option of several values.
void DocumentOptionValues(CLI::App& app);

}  // namespace alkaid::tools
