// Lets a command that writes files be interrupted without leaving its temporary ones behind.
//
// While one lives, SIGINT and SIGTERM are noted instead of ending the program; the command asks now
// and then, cleans up and ends itself.
//
// Threads: one at a time in the program.
#pragma once

#include "alkaid/base/status.h"

namespace alkaid::tools {

// What a command that was interrupted exits with, as a shell would say it.
inline constexpr int kExitInterrupted = 130;

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
};

}  // namespace alkaid::tools
