// From the words that somebody typed to the command that runs, or to what helps him on.
//
// `alkaid help heap show` and `alkaid heap help show` print help on stdout. A command that is
// missing gets an overview on stderr, one that is wrong, or an option that is, what may have been
// meant. Errors name an option as it was typed.
//
// Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

namespace CLI {
class App;
}

namespace alkaid::tools {

// Runs the command of `app` that is named and returns its `*exit_code`, which its callback sets;
// kExitFailure for wrong usage.
int RunCommandOf(CLI::App& app, int argument_count, const char* const* arguments,
                 const int* exit_code);

}  // namespace alkaid::tools
