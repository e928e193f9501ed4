#include "child_process.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

extern "C" char** environ;  // NOLINT(readability-redundant-declaration)

namespace alkaid::tools {
namespace {

constexpr int kNoted[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

std::vector<std::string> Environment(
    const std::map<std::string, std::optional<std::string>>& changes) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (changes.count(text.substr(0, text.find('='))) == 0) all.push_back(text);
  }
  for (const auto& [name, value] : changes) {
    if (value) all.push_back(name + "=" + *value);
  }
  return all;
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

ChildProcesses::ChildProcesses() {
  sigemptyset(&noted_);
  for (const int signal : kNoted) {
    struct sigaction now;
    if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler != SIG_IGN) {
      sigaddset(&noted_, signal);
    }
  }
  // Ignored, children would vanish without a word of how they ended.
  struct sigaction usual = {};
  usual.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &usual, nullptr);
  sigaddset(&noted_, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &noted_, &before_);
}

ChildProcesses::~ChildProcesses() {
  Interruption();  // one that waits has been noted, and must not end the program now
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

int ChildProcesses::Interruption() {
  siginfo_t info;
  const timespec now = {};
  for (int signal; (signal = ::sigtimedwait(&noted_, &info, &now)) > 0;) {
    if (signal != SIGCHLD) came_ = signal;
  }
  return came_;
}

Result<ChildEnd> ChildProcesses::Run(
    const std::vector<std::string>& command,
    const std::map<std::string, std::optional<std::string>>& environment, int input) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigmask(&attributes, &before_);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  const std::vector<std::string> variables = Environment(environment);
  pid_t pid = -1;
  const int failed = ::posix_spawnp(&pid, command.front().c_str(), &actions, &attributes,
                                    Pointers(command).data(), Pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed == ENOENT) return status::KeyError(command.front(), ": command not found");
  if (failed != 0) return status::IOError(failed, command.front());

  int ended = 0;
  while (true) {
    const pid_t got = ::waitpid(pid, &ended, WNOHANG);
    if (got == pid) break;
    if (got < 0 && errno != EINTR) return status::IOError(errno, "waiting for ", command.front());
    siginfo_t info;
    const int signal = ::sigwaitinfo(&noted_, &info);
    if (signal <= 0 || signal == SIGCHLD) continue;
    came_ = signal;
    // The kernel's own come from the terminal, to every process of the job.
    if (info.si_code != SI_KERNEL) ::kill(pid, signal);
  }
  return WIFEXITED(ended) ? ChildEnd{.exit_code = WEXITSTATUS(ended), .signal = 0}
                          : ChildEnd{.exit_code = -1, .signal = WTERMSIG(ended)};
}

}  // namespace alkaid::tools
