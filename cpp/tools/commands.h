// The subcommands of `alkaid`. Each function adds its command to the parser; when the command has
// run, `*exit_code` has its exit code.
//
// `app` and `exit_code` must outlive the parsing.
#pragma once

#include <CLI/CLI.hpp>

namespace alkaid::tools {

void AddInfoCommand(CLI::App& app, int* exit_code);
// `demo`, and the hidden `demo-row` that each row of its table runs.
void AddDemoCommand(CLI::App& app, int* exit_code);
void AddDemoRowCommand(CLI::App& app, int* exit_code);
void AddRunCommand(CLI::App& app, int* exit_code);
void AddHelpCommand(CLI::App& app);
void AddCompletionCommand(CLI::App& app, int* exit_code);
// Hidden: the build calls it.
void AddManPagesCommand(CLI::App& app, int* exit_code);
// The commands of `heap`.
void AddHeapDiffCommand(CLI::App& heap, int* exit_code);
void AddHeapRetentionCommand(CLI::App& heap, int* exit_code);
void AddHeapShowCommand(CLI::App& heap, int* exit_code);
// The commands of `profile`.
void AddProfileGateCommand(CLI::App& profile, int* exit_code);
void AddProfileReportCommand(CLI::App& profile, int* exit_code);
// The commands of `dgram`.
void AddDgramLsCommand(CLI::App& dgram, int* exit_code);
void AddDgramDumpCommand(CLI::App& dgram, int* exit_code);
void AddDgramDigestCommand(CLI::App& dgram, int* exit_code);
void AddDgramEventsCommand(CLI::App& dgram, int* exit_code);
void AddDgramReadCommand(CLI::App& dgram, int* exit_code);
void AddDgramSmdCommand(CLI::App& dgram, int* exit_code);
void AddDgramVerifyCommand(CLI::App& dgram, int* exit_code);
void AddDgramEditCommand(CLI::App& dgram, int* exit_code);
void AddDgramWriteCommand(CLI::App& dgram, int* exit_code);

// All commands, in the order and under the headings of the overview.
void AddCommands(CLI::App& app, int* exit_code);

}  // namespace alkaid::tools
