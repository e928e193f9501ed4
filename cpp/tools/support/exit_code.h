// The command's exit codes, and the one that a Status becomes.
//
// In addition to those below: 128 and its number after a signal (129 SIGHUP, 130 SIGINT, 143
// SIGTERM), as a shell reports it, whether the command cleaned up or the system ended it
// (interruption.h). Where a signal is the normal end of the work (--live), it is no failure.
//
// Threads: free of state.
#pragma once

#include <string>

#include "alkaid/base/status.h"

namespace alkaid::tools {

inline constexpr int kExitOk = 0;
// Wrong usage, an unreadable file, no memory: everything that is not the data's fault.
inline constexpr int kExitFailure = 1;
// Malformed structure of the data.
inline constexpr int kExitMalformed = 2;
// Only `profile gate`: memory grows; nothing can be said, since a planted leak was not found or
// there are too few stamps; the program that it ran failed by itself.
inline constexpr int kExitGrows = 3;
inline constexpr int kExitNotTold = 4;
inline constexpr int kExitCommandFailed = 5;
// For a program that is to be run; as a shell and env use them.
inline constexpr int kExitCanNotRun = 126;
inline constexpr int kExitNotFound = 127;
inline constexpr int kExitSignal = 128;

// The beginning of an error: the command's name and a colon, in the colour of errors where stderr
// shows colours.
std::string ErrorPrefix(const std::string& who);

// Prints on stderr what failed, in one line without terminal escapes, or nothing where `status` is
// OK. Returns the exit code.
int ReportStatus(const Status& status);

}  // namespace alkaid::tools
