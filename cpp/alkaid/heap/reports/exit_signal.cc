#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>

#include "alkaid/base/exit_task_internal.h"
#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/heap/reports/heap_requests.h"
#include "alkaid/heap/reports/heap_signal_internal.h"
#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {
namespace {

// The signals by which people and systems ask a program to end.
constexpr std::array<int, 8> kSignals = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                                         SIGALRM, SIGXCPU, SIGUSR1, SIGUSR2};

// All that the handler touches.
sem_t came;
std::atomic<int> last_signal{0};
std::atomic<pid_t> process{0};

// Installed with SA_RESETHAND: a second signal ends the process as it would have without a handler.
void OnSignal(int signal) {
  const int error = errno;
  // A child of vfork shares this memory but not these threads. Some threads may not wake others.
  if (::getpid() == process.load(std::memory_order_relaxed) && MayWait()) {
    last_signal.store(signal, std::memory_order_relaxed);
    ::sem_post(&came);
  } else {
    ::raise(signal);
  }
  errno = error;
}

void* ServeSignals(void* confinement) {
  const InsideTracking inside;
  BeginAnswering(confinement, "alkaid-exit");
  while (true) {
    while (::sem_wait(&came) != 0) {
    }
    const int signal = last_signal.load(std::memory_order_relaxed);
    if (!internal::WriteBeforeSignalEnds(signal)) continue;  // the process ends by exit
    sigset_t ends;
    ::sigemptyset(&ends);
    ::sigaddset(&ends, signal);
    ::pthread_sigmask(SIG_UNBLOCK, &ends, nullptr);
    ::kill(::getpid(), signal);
    // The process still runs: the program has installed its own handler by now.
    ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  }
  return nullptr;
}

bool IsOurs(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == OnSignal;
}

void BeginInChild();

struct State {
  State() {
    internal::GuardFork([] {}, [] {}, BeginInChild);
  }
  internal::ForkGuarded<std::mutex> lock;
  bool has_thread = false;  // guarded by `lock`
};

State& TheState() {
  static auto* const state = new State;
  return *state;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { TheState(); }

int Start() {
  ::sem_init(&came, 0, 0);
  const int error = StartAnsweringThread(ServeSignals);
  process = error == 0 ? ::getpid() : 0;
  return error;
}

// The child has its parent's handlers but none of its threads. Without a thread the handler lets
// the signal end the process.
void BeginInChild() {
  State& state = TheState();
  if (!state.has_thread) return;
  process = 0;
  if (!MayWriteHeapFiles() || !MayStartThreads()) return;
  if (Start() == 0) return;
  internal::Notice(
      "no thread answers signals in this forked process: a signal that ends it does so before any "
      "file is written");
}

Status CheckSignal(int signal) {
  bool known = false;
  for (const int one : kSignals) known = known || one == signal;
  if (!known) {
    return status::Invalid(
        "signal ", signal,
        " does not ask a process to end; use HUP, INT, QUIT, TERM, ALRM, XCPU, USR1 or USR2");
  }
  struct sigaction now = {};
  if (::sigaction(signal, nullptr, &now) != 0) return status::IOError(errno, "signal ", signal);
  if (IsOurs(now)) return absl::OkStatus();
  if ((now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_IGN) {
    return status::FailedPrecondition(
        "signal ", signal, " (", ::sigabbrev_np(signal),
        ") is ignored, so it ends no process; this is left unchanged");
  }
  if ((now.sa_flags & SA_SIGINFO) != 0 || now.sa_handler != SIG_DFL) {
    return status::FailedPrecondition("signal ", signal, " (", ::sigabbrev_np(signal),
                                      ") already has a handler, which is kept; exit files are "
                                      "written if that handler calls exit");
  }
  return absl::OkStatus();
}

}  // namespace

Status WriteBeforeSignalEnds(int signal) {
  ALKAID_RETURN_NOT_OK(CheckSignal(signal));
  State& state = TheState();
  const std::lock_guard guard(state.lock);
  if (!state.has_thread) {
    if (!MayStartThreads()) {
      return status::FailedPrecondition(
          "a filter of system calls (seccomp) would end this thread if it started one for signals");
    }
    const int error = Start();
    if (error != 0) return status::IOError(error, "no thread for signals can be started");
    state.has_thread = true;
  }
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART | SA_ONSTACK | static_cast<int>(SA_RESETHAND);
  ::sigfillset(&action.sa_mask);
  if (::sigaction(signal, &action, nullptr) != 0) {
    return status::IOError(errno, "signal ", signal, " cannot be caught");
  }
  return absl::OkStatus();
}

}  // namespace alkaid::heap
