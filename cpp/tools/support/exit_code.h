// What the command's exit codes mean, and how a Status becomes one.
//
// Beside those below: 128 and its number after a signal (129 SIGHUP, 130 SIGINT, 143 SIGTERM), as
// a shell says it, whether the command cleaned up behind itself or the system ended it
// (interruption.h). Where a signal is how the work may end (--live), it is no failure.
//
// Threads: free of state.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "alkaid/base/printable_text.h"
#include "alkaid/base/status.h"

namespace alkaid::tools {

inline constexpr int kExitOk = 0;
// Wrong usage, an unreadable file, no memory: whatever is not the data's fault.
inline constexpr int kExitFailure = 1;
// Malformed structure of the data.
inline constexpr int kExitMalformed = 2;
// Of `profile gate`: memory grows; nothing can be said, as a planted leak was not found or there
// are too few stamps; the program that was looked at failed by itself.
inline constexpr int kExitGrows = 3;
inline constexpr int kExitNotTold = 4;
inline constexpr int kExitCommandFailed = 5;
// As a shell and env say it of a program that is to be run.
inline constexpr int kExitCanNotRun = 126;
inline constexpr int kExitNotFound = 127;
inline constexpr int kExitSignal = 128;

// For the help of commands that make files.
inline constexpr char kExitCodesOfMakers[] =
    "Exit codes: 0 the output is there whole; 1 wrong usage, or a file that cannot be read or\n"
    "written; 2 malformed data; 128 and its number after a signal: 130 for INT, 143 for TERM,\n"
    "129 for HUP. What is not written whole does not appear: a file that had the name stays as\n"
    "it was, and no temporary one is left, unless a second signal ends the command at once.";

// Says on stderr what failed, in one line that gives the terminal no orders, nothing where `status`
// is OK, and returns the exit code.
inline int ReportStatus(const Status& status) {
  if (status.ok()) return kExitOk;
  const auto message = status.message();
  const std::string text = internal::Printable(std::string_view(message.data(), message.size()));
  std::fflush(stdout);
  std::fprintf(stderr, "alkaid: %s\n", text.c_str());
  return status.code() == StatusCode::kDataLoss ? kExitMalformed : kExitFailure;
}

}  // namespace alkaid::tools
