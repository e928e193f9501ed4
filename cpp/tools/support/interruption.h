// Lets a command that writes files be interrupted without leaving its temporary ones behind.
//
// While one lives, the first SIGINT, SIGTERM or SIGHUP is noted instead of ending the program; the
// command asks now and then, cleans up and ends itself. System calls that wait are cut short, so
// that one that waits for the other end of a pipe can be left. Whoever cannot wait sends a second
// signal: that does what it always does. A signal that was ignored when the program started (nohup)
// stays ignored. SIGXFSZ is ignored from the first of them to the program's end: a write past the
// limit of a file's size then fails with EFBIG and is reported like a full disk, and that report
// may itself go to a file that is at its limit.
//
// Threads: one at a time in the program.
#pragma once

#include <array>
#include <csignal>

#include "alkaid/base/status.h"
#include "tools/support/exit_code.h"

namespace alkaid::tools {

class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  // Whether a signal came while any of them lived.
  static bool Came();
  // kCancelled once one came.
  static Status Check() { return Came() ? absl::CancelledError("interrupted") : absl::OkStatus(); }
  // 128 and the signal's number, as a shell says it. Only once one came.
  static int ExitCode();
  // ReportStatus, but where the work failed after a signal came the code is that of the signal.
  static int Report(const Status& status);

 private:
  static constexpr std::array<int, 3> kNoted = {SIGINT, SIGTERM, SIGHUP};
  static void Note(int signal);

  std::array<struct sigaction, kNoted.size()> before_;
};

}  // namespace alkaid::tools
