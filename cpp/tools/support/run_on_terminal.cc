#include "tools/support/run_on_terminal.h"

#include <fcntl.h>
#include <pty.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>

extern "C" char** environ;  // NOLINT(readability-redundant-declaration)

namespace alkaid::tools {
namespace {

// This process's variables, changed by `changes`.
std::vector<std::string> ChangedEnvironment(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (changes.count(text.substr(0, text.find('='))) == 0) all.push_back(text);
  }
  for (const auto& [name, value] : changes) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> PointersTo(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

CommandResult RunOnTerminal(const std::vector<std::string>& arguments, unsigned short columns,
                            const std::map<std::string, std::string>& environment) {
  std::vector<std::string> program = {ALKAID_COMMAND};
  program.insert(program.end(), arguments.begin(), arguments.end());
  return RunProgramOnTerminal(program, columns, environment, "");
}

CommandResult RunProgramOnTerminal(const std::vector<std::string>& program, unsigned short columns,
                                   const std::map<std::string, std::string>& environment,
                                   const std::string& keys) {
  std::vector<std::string> argv = program;
  std::vector<std::string> envp = ChangedEnvironment(environment);
  const struct winsize size = {24, columns, 0, 0};
  int ours = -1;
  int theirs = -1;
  std::array<char, 128> name = {};
  if (::openpty(&ours, &theirs, name.data(), nullptr, &size) != 0) {
    throw std::runtime_error("no terminal");
  }
  ::fcntl(ours, F_SETFD, FD_CLOEXEC);
  ::fcntl(theirs, F_SETFD, FD_CLOEXEC);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // Opened in a session of its own, it becomes that session's terminal, as a shell expects.
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, name.data(), O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = -1;
  const int failed = ::posix_spawnp(&pid, argv[0].c_str(), &actions, &attributes,
                                    PointersTo(argv).data(), PointersTo(envp).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  ::close(theirs);
  if (failed != 0) throw std::runtime_error("cannot start " + argv[0]);

  if (::write(ours, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size())) {
    throw std::runtime_error("the terminal did not take all keys");
  }
  CommandResult result;
  std::array<char, 4096> part;
  // Fails once the other end is closed.
  for (ssize_t n = 0; (n = ::read(ours, part.data(), part.size())) > 0;) {
    result.out.append(part.data(), static_cast<size_t>(n));
  }
  ::close(ours);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace alkaid::tools
