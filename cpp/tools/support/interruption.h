// Interruption: lets a command that writes files be interrupted without leaving temporary files.
//
// While one lives, the first SIGINT, SIGTERM or SIGHUP is recorded and does not end the program.
// The command checks now and then, cleans up and ends itself. Waiting system calls are interrupted,
// so that a command that waits for the other end of a pipe ends too. A second signal has its usual
// effect. A signal that was ignored when the program started (nohup) stays ignored. From the first
// Interruption to the program's end SIGXFSZ is ignored: a write past the limit of a file's size
// then fails with EFBIG and is reported like a full disk; that report may itself go to a file at
// its limit.
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

  // Whether a signal came while an Interruption lived.
  static bool Came();
  // kCancelled if a signal came.
  static Status Check() { return Came() ? absl::CancelledError("interrupted") : absl::OkStatus(); }
  // 128 and the signal's number, as a shell reports it. Only after a signal came.
  static int ExitCode();
  // ReportStatus, but where the work failed after a signal came it returns the signal's code.
  static int Report(const Status& status);

 private:
  static constexpr std::array<int, 3> kNoted = {SIGINT, SIGTERM, SIGHUP};
  static void Note(int signal);

  std::array<struct sigaction, kNoted.size()> before_;
};

}  // namespace alkaid::tools
