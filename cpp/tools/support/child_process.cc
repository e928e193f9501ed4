#include "tools/support/child_process.h"

#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
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
  // If SIGCHLD were ignored, children would vanish without their exit status.
  struct sigaction usual = {};
  usual.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &usual, nullptr);
  sigaddset(&noted_, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &noted_, &before_);
  // Orphaned grandchildren become this process's children, so it can wait for them.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

ChildProcesses::~ChildProcesses() {
  Interruption();  // collects a pending signal, which must not end the program now
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
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
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
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
    ::kill(-pid, signal);
    ::kill(-pid, SIGCONT);  // wakes a stopped process, which may have read from the terminal
  }
  ChildEnd end;
  end.left_processes = EndGroup(pid);
  if (WIFEXITED(ended)) {
    end.exit_code = WEXITSTATUS(ended);
  } else {
    end.signal = WTERMSIG(ended);
  }
  return end;
}

bool ChildProcesses::EndGroup(pid_t group) {
  // Processes that ended meanwhile do not count.
  const auto collect = [group] {
    pid_t got = 0;
    while ((got = ::waitpid(-group, nullptr, WNOHANG)) > 0) {
    }
    return got == 0 || ::kill(-group, 0) == 0;
  };
  if (!collect()) return false;
  const auto begin = std::chrono::steady_clock::now();
  ::kill(-group, SIGTERM);
  ::kill(-group, SIGCONT);
  while (collect()) {
    const auto waited = std::chrono::steady_clock::now() - begin;
    if (waited > std::chrono::seconds(2)) ::kill(-group, SIGKILL);
    // A dead process that remains waits for a parent outside this process.
    if (waited > std::chrono::seconds(4)) break;
    siginfo_t info;
    const timespec soon = {.tv_sec = 0, .tv_nsec = 20'000'000};
    const int signal = ::sigtimedwait(&noted_, &info, &soon);
    if (signal > 0 && signal != SIGCHLD) came_ = signal;
  }
  return true;
}

}  // namespace alkaid::tools
