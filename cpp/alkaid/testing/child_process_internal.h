// Runs the test program itself again, as a child with an environment of its own, and says how that
// ended.
//
// For what a process settles once (the default pool), and for what ends it (abort). The program's
// main looks at its arguments and does as a child what they say; see
// core/default_pool_environment_test.cc.
//
// Ownership: results are copies.
// Threads: only from a program's only thread.
// Out of memory, or no process to be had: aborts.
#pragma once

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace alkaid::internal {

struct ChildResult {
  int status = 0;  // as of waitpid
  std::string out;
  std::string err;

  bool ExitedWith(int code) const { return WIFEXITED(status) && WEXITSTATUS(status) == code; }
  // The signal that ended it, or 0.
  int signal() const { return WIFSIGNALED(status) ? WTERMSIG(status) : 0; }
};

// A value to set, or nothing to unset.
using ChildEnvironment = std::map<std::string, std::optional<std::string>>;

inline std::string ReadWholeFile(int fd) {
  std::string text;
  char chunk[4096];
  off_t offset = 0;
  for (ssize_t n; (n = pread(fd, chunk, sizeof(chunk), offset)) > 0; offset += n) {
    text.append(chunk, static_cast<size_t>(n));
  }
  close(fd);
  return text;
}

// A child that does not end within 60 s is ended by SIGALRM. It leaves no core file.
inline ChildResult RunSelf(const std::vector<std::string>& arguments,
                           const ChildEnvironment& environment) {
  // Files and not pipes, so that a child that writes much does not wait for anybody.
  const int out = memfd_create("child's stdout", 0);
  const int err = memfd_create("child's stderr", 0);
  const pid_t pid = fork();
  if (out < 0 || err < 0 || pid < 0) abort();
  if (pid == 0) {
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    for (const auto& [name, value] : environment) {
      value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
    }
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(60);
    std::vector<char*> argv = {const_cast<char*>("child")};
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    execv("/proc/self/exe", argv.data());
    _exit(127);
  }
  ChildResult result;
  if (waitpid(pid, &result.status, 0) != pid) abort();
  result.out = ReadWholeFile(out);
  result.err = ReadWholeFile(err);
  return result;
}

}  // namespace alkaid::internal
