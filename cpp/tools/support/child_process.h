// Runs other programs for a command that has something to clean up: with their environment changed,
// this process's stdout and stderr, and its signals passed on.
//
// While a ChildProcesses lives, SIGINT, SIGTERM, SIGHUP and SIGQUIT wait; those that were ignored
// before stay so. A child has a process group of its own, and what comes while it runs is passed on
// to all of that: the terminal's too, which tells the foreground alone. The command ends when the
// child has; what then is left of its group gets SIGTERM, and SIGKILL two seconds later. Who leaves
// the group (setsid) is left alone.
//
// Threads: one at a time in the program. Out of memory: throws std::bad_alloc.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "alkaid/base/status.h"

namespace alkaid::tools {

struct ChildEnd {
  int exit_code = -1;  // where no signal ended it
  int signal = 0;
  bool left_processes = false;  // which were ended
};

class ChildProcesses {
 public:
  ChildProcesses();
  ~ChildProcesses();
  ChildProcesses(const ChildProcesses&) = delete;
  ChildProcesses& operator=(const ChildProcesses&) = delete;

  // Runs `command`, looked for in PATH, to its end. A variable without a value is taken out of its
  // environment. Its stdin is `input`. kNotFound where there is no such program; as errno maps
  // where it cannot be started.
  Result<ChildEnd> Run(const std::vector<std::string>& command,
                       const std::map<std::string, std::optional<std::string>>& environment,
                       int input);

  // A signal that came so far, or 0.
  int Interruption();

 private:
  // Ends and collects what is left of a group whose first process has ended; whether something was.
  bool EndGroup(pid_t group);

  sigset_t noted_;   // and SIGCHLD
  sigset_t before_;  // the mask that children get
  int came_ = 0;
};

}  // namespace alkaid::tools
