#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#include "alkaid/base/cancellation_off_internal.h"
#include "alkaid/base/exit_task_internal.h"
#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/spare_stack_internal.h"
#include "alkaid/base/write_signals_internal.h"

namespace alkaid::internal {
namespace {

constexpr ExitQuestions kNoQuestions = {
    .learn = [] {}, .may_write = [] { return true; }, .ends_in_malloc = [] { return false; }};
constinit std::atomic<const ExitQuestions*> the_questions{&kNoQuestions};

constinit std::array<std::atomic<const ExitTask*>, kExitRanks> tasks = {};

// The thread that runs the tasks; kNobody before, kDone after.
constexpr pthread_t kNobody = 0;
constexpr pthread_t kDone = ~kNobody;
constinit std::atomic<pthread_t> writer{kNobody};
constinit std::atomic<int> ending_signal{0};
sem_t process_gone;  // never posted

// The process that registered the tasks, in a page that a forked child finds empty. A child of
// vfork shares the page and the registrations.
pid_t* process = nullptr;

constexpr std::string_view kEndsInMalloc = "the program ends in the middle of malloc or fork";
constexpr std::string_view kCalledAgain =
    "exit was called again while it was written, and cannot wait for it";

// Made at load, see first_made.h. A fork may come while another thread is in exit. The guard's
// action runs after those of higher floors, which decide what the child may do.
struct Registering {
  Registering() {
    GuardFork([] {}, [] {},
              [] {
                writer = kNobody;
                ending_signal = 0;
                if (process != nullptr && the_questions.load()->may_write()) {
                  *process = std::max(::getpid(), 0);
                }
              });
  }
  ForkGuarded<std::mutex> lock;
  bool is_registered = false;  // guarded by the lock
};

Registering& TheRegistering() {
  static auto* const registering = new Registering;
  return *registering;
}

[[gnu::constructor]] void MakeAtLoad() { TheRegistering(); }

// If the program handles a signal by exit, its handler must run after all is written. Handlers of
// faults run as usual. So does a signal without a handler: it ends a program whose file takes too
// long.
class HandlersKeptOff {
 public:
  HandlersKeptOff() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (int signal = 1; signal <= SIGRTMAX; ++signal) {
      struct sigaction action;
      if (::sigaction(signal, nullptr, &action) != 0) continue;  // reserved by the C library
      if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) {
        ::sigaddset(&signals, signal);
      }
    }
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPIPE,
                             SIGXFSZ}) {  // the last two: see WriteSignalsBlocked
      ::sigdelset(&signals, signal);
    }
    restores_ = ::pthread_sigmask(SIG_BLOCK, &signals, &before_) == 0;
  }
  ~HandlersKeptOff() {
    if (restores_) ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  HandlersKeptOff(const HandlersKeptOff&) = delete;
  HandlersKeptOff& operator=(const HandlersKeptOff&) = delete;

 private:
  sigset_t before_;
  bool restores_;
};

template <typename Do>
void ForEach(const Do& act) {
  for (const auto& ranked : tasks) {
    const ExitTask* const task = ranked.load();
    if (task != nullptr) act(*task);
  }
}

void LeaveOut(std::string_view why) {
  ForEach([&](const ExitTask& task) { task.leave_out(why); });
}

void DoTasks(bool may_write, bool in_malloc) {
  if (!may_write) return ForEach([](const ExitTask& task) { task.confined(); });
  ForEach([](const ExitTask& task) {
    if (task.make_room != nullptr) task.make_room();
  });
  const auto write = [](void* is_in_malloc) {
    if (*static_cast<const bool*>(is_in_malloc)) return LeaveOut(kEndsInMalloc);
    ForEach([](const ExitTask& task) { task.write(); });
  };
  const WriteSignalsBlocked blocked;
  const int error = CallOnSpareStack(write, &in_malloc);
  if (error != 0) LeaveOut(error == ENOMEM ? "out of memory" : ::strerrordesc_np(error));
}

void AtExit();

// The C library calls each registered function once for all threads, so each thread leaves AtExit
// registered for the next. A waiting thread goes no further, as in a C library of 2.41 or later:
// before, two threads in exit may both free the same things.
void DoTasksOnce(bool may_write, bool in_malloc) {
  static constinit std::atomic_flag said = {};
  pthread_t who = kNobody;
  if (writer.compare_exchange_strong(who, ::pthread_self())) {
    std::atexit(AtExit);
    DoTasks(may_write, in_malloc);
    writer = kDone;
  } else if (who == kDone) {
    return;
  } else if (who == ::pthread_self() || in_malloc) {
    if (may_write && !said.test_and_set()) LeaveOut(kCalledAgain);
  } else {
    std::atexit(AtExit);
    while (true) ::sem_wait(&process_gone);
  }
}

// The C library continues with the functions registered last. Everything that it reached after them
// would be taken from the parent.
void EndChild() {
  ::on_exit([](int /*code*/, void* /*nothing*/) { AtExit(); }, nullptr);  // the parent's
  ::on_exit(
      [](int code, void* /*nothing*/) {
        if (!IsOthersMemory()) return;
        {
          const CancellationOff off;  // the parent's thread, by its state
          std::fflush(nullptr);
        }
        ::_exit(code);
      },
      nullptr);
}

void AtExit() {
  const CancellationOff off;
  const ExitQuestions& questions = *the_questions.load();
  // The kernel is not called then, except to wait for a file that is being written.
  if (!questions.may_write()) {
    if (!questions.ends_in_malloc()) DoTasksOnce(/*may_write=*/false, /*in_malloc=*/false);
    return;
  }
  if (IsOthersMemory()) return EndChild();
  const bool in_malloc = questions.ends_in_malloc();
  const HandlersKeptOff kept_off;
  DoTasksOnce(/*may_write=*/true, in_malloc);
}

// Called with the lock held.
Status Register() {
  ::sem_init(&process_gone, 0, 0);
  // See DoTasksOnce: the second is for a thread that comes before the first has registered it
  // again.
  for (int i = 0; i < 2; ++i) {
    if (std::atexit(AtExit) == 0) continue;
    return status::OutOfMemory("nothing more can be done at exit: atexit refused");
  }
  void* const page =
      ::mmap(nullptr, sizeof(pid_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page != MAP_FAILED && ::madvise(page, sizeof(pid_t), MADV_WIPEONFORK) == 0) {
    process = new (page) pid_t{::getpid()};
  }
  return absl::OkStatus();
}

}  // namespace

Status WriteAtExit(const ExitTask* task) {
  the_questions.load()->learn();
  Registering& registering = TheRegistering();
  const std::lock_guard guard(registering.lock);
  auto& ranked = tasks[static_cast<size_t>(task->rank)];
  if (ranked.load() == task) return absl::OkStatus();
  if (ranked.load() != nullptr) return status::AlreadyExists("another task has that rank at exit");
  if (!registering.is_registered) ALKAID_RETURN_NOT_OK(Register());
  registering.is_registered = true;
  ranked = task;
  return absl::OkStatus();
}

bool IsOthersMemory() {
  if (process == nullptr || *process == 0) return false;
  const pid_t self = ::getpid();
  return self > 0 && self != *process;  // a filter may make the call fail
}

bool WriteBeforeSignalEnds(int signal) {
  pthread_t who = kNobody;
  if (!writer.compare_exchange_strong(who, ::pthread_self())) return who == kDone;
  ending_signal = signal;
  DoTasks(the_questions.load()->may_write(), /*in_malloc=*/false);
  writer = kDone;
  return true;
}

int EndingSignal() { return ending_signal; }

void AskAtExit(const ExitQuestions* questions) { the_questions = questions; }

}  // namespace alkaid::internal
