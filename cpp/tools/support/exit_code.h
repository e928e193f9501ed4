// What the command's exit codes mean, and how a Status becomes one.
//
// Beside those below: 128 and its number after a signal (129 SIGHUP, 130 SIGINT, 143 SIGTERM), as
// a shell says it, whether the command cleaned up behind itself or the system ended it
// (interruption.h). Where a signal is how the work may end (--live), it is no failure.
//
// Threads: free of state.
#pragma once

#include <string>

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

// What an error begins with: the command's name and a colon, in the colour of errors where stderr
// shows one.
std::string ErrorPrefix(const std::string& who);

// Says on stderr what failed, in one line that gives the terminal no orders, nothing where `status`
// is OK, and returns the exit code.
int ReportStatus(const Status& status);

}  // namespace alkaid::tools
