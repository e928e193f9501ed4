// RunCommandOf: from the words on the command line to the command that runs, or to help.
//
// `alkaid help heap show` and `alkaid heap help show` print help on stdout. A missing command gets
// an overview on stderr; an unknown command or option gets a suggestion. Errors name an option as
// it was typed.
//
// Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

namespace CLI {
class App;
}

namespace alkaid::tools {

// Runs the named command of `app` and returns its `*exit_code`, which its callback sets;
// kExitFailure for wrong usage.
int RunCommandOf(CLI::App& app, int argument_count, const char* const* arguments,
                 const int* exit_code);

}  // namespace alkaid::tools
