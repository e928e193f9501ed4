// ChildProcesses: runs other programs for a command that must clean up afterwards: with a changed
// environment, this process's stdout and stderr, and its signals passed on.
//
// While a ChildProcesses lives, SIGINT, SIGTERM, SIGHUP and SIGQUIT are blocked; those that were
// ignored before stay ignored. A child has a process group of its own. Signals that come while it
// runs are passed on to the whole group, also those of the terminal, which signals only the
// foreground. The command ends when the child has ended. The rest of the group then gets SIGTERM,
// and SIGKILL two seconds later. A process that leaves the group (setsid) is left alone.
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
  int exit_code = -1;  // if no signal ended it
  int signal = 0;
  bool left_processes = false;  // which have been ended
};

class ChildProcesses {
 public:
  ChildProcesses();
  ~ChildProcesses();
  ChildProcesses(const ChildProcesses&) = delete;
  ChildProcesses& operator=(const ChildProcesses&) = delete;

  // Runs `command`, searched for in PATH, to its end. Variables without a value are removed from
  // its environment. `input` is its stdin. kNotFound where there is no such program; as errno maps
  // where it cannot be started.
  Result<ChildEnd> Run(const std::vector<std::string>& command,
                       const std::map<std::string, std::optional<std::string>>& environment,
                       int input);

  // The last signal that came so far, or 0.
  int Interruption();

 private:
  // Ends and collects the rest of a group whose first process has ended; returns whether there was
  // one.
  bool EndGroup(pid_t group);

  sigset_t noted_;   // and SIGCHLD
  sigset_t before_;  // the signal mask for children
  int came_ = 0;
};

}  // namespace alkaid::tools
