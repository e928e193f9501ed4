#include <pthread.h>
#include <semaphore.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <utility>

#include "alkaid/base/exit_task_internal.h"
#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/heap/reports/heap_signal_internal.h"
#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {
namespace {

// All that the handler touches.
sem_t requests;
std::atomic<uint64_t> asked{0};

// Held by the thread that answers, which may be the exiting one. A semaphore and no mutex: a forked
// child must make it anew, and a fork must not wait until a file is written.
sem_t answering;
std::atomic<uint64_t> answered{0};  // changed while `answering` is held
bool ended = false;                 // guarded by `answering`

void OnSignal(int /*signal*/) {
  const int error = errno;
  const bool may_wait = MayWait();
  // A child of vfork shares this memory: its signal asks its parent for nothing.
  if (!may_wait || !internal::IsOthersMemory()) {
    asked.fetch_add(1, std::memory_order_relaxed);
    if (may_wait) ::sem_post(&requests);  // wakes the thread that answers
  }
  errno = error;
}

void StartThreadInChild();

struct State {
  State() {
    internal::GuardFork([] {}, [] {}, StartThreadInChild);
  }

  internal::ForkGuarded<std::mutex> lock;
  // Guarded by `lock`.
  int signal = 0;  // 0: none was chosen
  HeapFileRequest request;
};

State& TheState() {
  static auto* const state = new State;
  return *state;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { TheState(); }

void Wait(sem_t* semaphore) {
  while (::sem_wait(semaphore) != 0) {
  }
}

// Answers all requests so far with one file. Does nothing after a `last` call, since the process
// would end in the middle of it. Does nothing either if another thread is answering and this one
// may not wait.
void AnswerSignals(bool last) {
  State& state = TheState();
  HeapFileRequest request;
  {
    const std::lock_guard guard(state.lock);
    if (state.signal == 0) return;
    request = state.request;
  }
  if (MayWait()) {
    Wait(&answering);
  } else if (::sem_trywait(&answering) != 0) {
    return;
  }
  const uint64_t now = asked.load(std::memory_order_relaxed);
  if (now != answered && !ended) WriteRequestedHeapFile(request, RequestedBy::kSignal);
  answered = now;
  ended = ended || last;
  ::sem_post(&answering);
}

void* ServeSignals(void* confinement) {
  const InsideTracking inside;
  BeginAnswering(confinement, "alkaid-heap");
  while (true) {
    Wait(&requests);
    while (::sem_trywait(&requests) == 0) {
    }
    AnswerSignals(/*last=*/false);
  }
  return nullptr;
}

void PrepareSemaphores() {
  ::sem_init(&requests, 0, 0);
  ::sem_init(&answering, 0, 1);
  answered = asked.load(std::memory_order_relaxed);
}

// The child has its parent's handler but none of its threads. It does not answer requests to its
// parent.
void StartThreadInChild() {
  ForgetOtherThreadsFilters();
  if (TheState().signal == 0) return;
  PrepareSemaphores();
  if (!MayWriteHeapFiles()) return;  // the filter was reported before
  if (!MayStartThreads() || StartAnsweringThread(ServeSignals) != 0)
    internal::Notice(
        "no thread answers signals in this forked process: a heap file that a signal requests is "
        "written when it exits");
}

Status CheckSignal(int signal) {
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) {
    if (signal == fault) {
      return status::Invalid("signal ", signal, " (", ::sigabbrev_np(signal),
                             ") reports a fault of the program and cannot request heap files");
    }
  }
  struct sigaction now = {};
  if (signal == SIGKILL || signal == SIGSTOP || ::sigaction(signal, nullptr, &now) != 0) {
    return status::Invalid("signal ", signal, " does not exist or cannot be caught");
  }
  const bool taken =
      (now.sa_flags & SA_SIGINFO) != 0 || (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN);
  if (taken) {
    return status::FailedPrecondition("signal ", signal, " (", ::sigabbrev_np(signal),
                                      ") already has a handler of the program; choose another");
  }
  return absl::OkStatus();
}

Status Install(int signal) {
  if (!MayStartThreads()) {
    return status::FailedPrecondition(
        "a filter of system calls (seccomp) would end this thread if it started one for heap "
        "files");
  }
  PrepareSemaphores();
  const int error = StartAnsweringThread(ServeSignals);
  if (error != 0) return status::IOError(error, "no thread for heap files can be started");
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  ::sigfillset(&action.sa_mask);
  if (::sigaction(signal, &action, nullptr) != 0) {
    return status::IOError(errno, "signal ", signal, " cannot be caught");
  }
  return absl::OkStatus();
}

}  // namespace

Status AnswerHeapSignal(int signal, HeapFileRequest request) {
  State& state = TheState();
  const std::lock_guard guard(state.lock);
  if (state.signal != 0 && state.signal != signal) {
    return status::AlreadyExists("heap files are requested by signal ", state.signal, "; signal ",
                                 signal, " cannot be used as well");
  }
  if (state.signal == 0) {
    ALKAID_RETURN_NOT_OK(CheckSignal(signal));
    ALKAID_RETURN_NOT_OK(Install(signal));
    state.signal = signal;
  }
  state.request = std::move(request);
  return absl::OkStatus();
}

int StartAnsweringThread(void* (*serve)(void*)) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  pthread_t thread;
  const InsideTracking inside;
  const int error = ::pthread_create(&thread, nullptr, serve,
                                     reinterpret_cast<void*>(uintptr_t{ThreadConfinement()}));
  if (error == 0) ::pthread_detach(thread);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

void BeginAnswering(void* confinement, const char* name) {
  InheritConfinement(static_cast<uint8_t>(reinterpret_cast<uintptr_t>(confinement)));
  ::pthread_setname_np(::pthread_self(), name);
}

void AnswerLastHeapSignals() noexcept { AnswerSignals(/*last=*/true); }

void LeaveOutLastHeapSignals(std::string_view why) noexcept {
  State& state = TheState();
  if (asked.load(std::memory_order_relaxed) == answered.load()) return;
  if (!state.lock.try_lock()) {
    internal::Notice("no heap file: ", why);
    return;
  }
  if (state.signal != 0) SayNoHeapFile(state.request, why);
  state.lock.unlock();
}

}  // namespace alkaid::heap
