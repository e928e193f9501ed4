#include "alkaid/heap/reports/heap_requests.h"

#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "alkaid/base/environment.h"
#include "alkaid/base/exit_task_internal.h"
#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/base/number_text.h"
#include "alkaid/base/output_name.h"
#include "alkaid/base/write_signals_internal.h"
#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/reports/memory_reserve_internal.h"
#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/tracking.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {
namespace {

using internal::GetEnvironment;
using internal::Grouped;
using internal::kTrackAllocationsVariable;

// What the handler touches, and nothing else.
sem_t requests;
std::atomic<uint64_t> asked{0};

// Held by who answers: the thread, or the process on its way out. No mutex, since a forked child
// has to make it anew, and a fork is not to wait until a file is written.
sem_t answering;
std::atomic<uint64_t> answered{0};  // changed with it held
bool ended = false;                 // guarded by it

void OnSignal(int /*signal*/) {
  const int error = errno;
  asked.fetch_add(1, std::memory_order_relaxed);
  if (MayWait()) ::sem_post(&requests);  // wakes who answers
  errno = error;
}

// Let go of while a request is answered: memory may be why it is asked.
constinit MemoryReserve reserve;

void StartThreadInChild();

// What a request asks for. A copy allocates nothing.
struct Request {
  std::shared_ptr<const std::string> pattern;  // null: nothing
  uint32_t owner = 0;                          // the process that was asked
};

struct State {
  State() {
    internal::GuardFork([] {}, [] {}, StartThreadInChild);
  }

  internal::ForkGuarded<std::mutex> lock;
  // Guarded by `lock`.
  int signal = 0;  // 0: none was chosen
  Request on_signal;
  Request at_exit;
  std::atomic<uint64_t> files{0};
};

State& TheState() {
  static auto* const state = new State;
  return *state;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { TheState(); }

Status TakeAndWrite(const std::string& what, const std::string& file, bool tell) {
  ALKAID_ASSIGN_OR_RAISE(const HeapSnapshot snapshot, HeapSnapshot::Take(what));
  // Once the file is there nothing may fail any more.
  const std::string bytes = Grouped(snapshot.bytes());
  const std::string blocks = Grouped(snapshot.block_count());
  ALKAID_RETURN_NOT_OK(WriteHeapFile(snapshot, file));
  if (tell) {
    internal::Notice(bytes, " bytes in ", blocks, " live blocks written to ", file);
  }
  return absl::OkStatus();
}

// Where nothing was tracked so far: from here on it is.
Status TrackFromNowOn(const std::string& file) {
  if (IsTracking()) return absl::OkStatus();
  const std::string text = GetEnvironment(kTrackAllocationsVariable);
  ALKAID_ASSIGN_OR_RAISE(const TrackingOptions options,
                         ParseTrackingOptions(text.empty() || text == "0" ? "1" : text));
  ALKAID_RETURN_NOT_OK(StartTracking(options));
  internal::Notice("live memory was not tracked before this signal, and is from now on: " + file +
                   " has no block that was there already");
  return absl::OkStatus();
}

void ServeOrThrow(const Request& request, uint64_t number, bool at_exit) {
  const std::string file = internal::OwnOutputName(*request.pattern, request.owner, number);
  Status status = at_exit ? absl::OkStatus() : TrackFromNowOn(file);
  const std::string what = at_exit ? "exit" : "signal " + std::to_string(number);
  if (status.ok()) status = TakeAndWrite(what, file, !at_exit);
  if (!status.ok()) internal::Notice("no heap file ", file, ": ", internal::MessageIn(status));
}

// Needs no memory.
void SayNoFile(const Request& request, uint64_t number, std::string_view why) {
  std::array<char, 2048> room;
  internal::Notice("no heap file ",
                   internal::OwnOutputName(*request.pattern, request.owner, number, room), ": ",
                   why);
}

// Whatever fails, the process goes on.
void Serve(const Request& request, bool at_exit) {
  if (!MayWriteHeapFiles()) return;
  const InsideTracking inside;
  const internal::WriteSignalsBlocked blocked;
  reserve.LetGo();
  const uint64_t number = TheState().files.fetch_add(1) + 1;
  try {
    ServeOrThrow(request, number, at_exit);
  } catch (const std::bad_alloc&) {
    SayNoFile(request, number, "out of memory");
  } catch (const std::exception& error) {
    SayNoFile(request, number, error.what());
  }
  if (!at_exit) reserve.SetAside();
}

void Wait(sem_t* semaphore) {
  while (::sem_wait(semaphore) != 0) {
  }
}

// Whatever was asked so far gets one file. After the `last` time nothing is answered any more: the
// process would end in the middle of it. Nor is it while another thread answers, where this one may
// not wait for that.
void AnswerSignals(bool last) {
  State& state = TheState();
  Request request;
  {
    const std::lock_guard guard(state.lock);
    request = state.on_signal;
  }
  if (MayWait()) {
    Wait(&answering);
  } else if (::sem_trywait(&answering) != 0) {
    return;
  }
  const uint64_t now = asked.load(std::memory_order_relaxed);
  if (now != answered && !ended) Serve(request, /*at_exit=*/false);
  answered = now;
  ended = ended || last;
  ::sem_post(&answering);
}

void* ServeSignals(void* confinement) {
  const InsideTracking inside;
  InheritConfinement(static_cast<uint8_t>(reinterpret_cast<uintptr_t>(confinement)));
  ::pthread_setname_np(::pthread_self(), "alkaid-heap");
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

// It is never joined: it waits until the process is gone.
int StartThread() {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  pthread_t thread;
  const InsideTracking inside;
  const int error = ::pthread_create(&thread, nullptr, ServeSignals,
                                     reinterpret_cast<void*>(uintptr_t{ThreadConfinement()}));
  if (error == 0) ::pthread_detach(thread);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

// The child has its parent's handler and none of its threads. What its parent was asked is not
// for it to answer.
void StartThreadInChild() {
  State& state = TheState();
  ForgetOtherThreadsFilters();
  // The fork may have come while a file was being made.
  if (state.signal != 0 || state.at_exit.pattern != nullptr) reserve.SetAside();
  if (state.signal == 0) return;
  PrepareSemaphores();
  if (!MayWriteHeapFiles()) return;  // and nothing more be said
  if (!MayStartThreads() || StartThread() != 0)
    internal::Notice(
        "no thread answers signals in this forked process: a heap file that one asks for is "
        "written when it exits");
}

Status CheckSignal(int signal) {
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) {
    if (signal == fault) {
      return status::Invalid("signal ", signal, " (", ::sigabbrev_np(signal),
                             ") stands for a fault of the program and can not ask for heap files");
    }
  }
  struct sigaction now = {};
  if (signal == SIGKILL || signal == SIGSTOP || ::sigaction(signal, nullptr, &now) != 0) {
    return status::Invalid("signal ", signal, " does not exist or can not be caught");
  }
  const bool taken =
      (now.sa_flags & SA_SIGINFO) != 0 || (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN);
  if (taken) {
    return status::FailedPrecondition("signal ", signal, " (", ::sigabbrev_np(signal),
                                      ") has a handler of the program already; choose another");
  }
  return absl::OkStatus();
}

Status Install(int signal) {
  if (!MayStartThreads()) {
    return status::FailedPrecondition(
        "a filter of system calls (seccomp) ends this thread where it starts one for heap files");
  }
  PrepareSemaphores();
  const int error = StartThread();
  if (error != 0) return status::IOError(error, "no thread for heap files can be started");
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  ::sigfillset(&action.sa_mask);
  if (::sigaction(signal, &action, nullptr) != 0) {
    return status::IOError(errno, "signal ", signal, " can not be caught");
  }
  return absl::OkStatus();
}

// The process ends in the middle of malloc, or of what is done here: whoever allocates now, or
// waits for one that does, may wait for ever. Which includes this thread, and who answers signals.
void SayWhyNothingAtExit(std::string_view why) {
  State& state = TheState();
  if (!state.lock.try_lock()) {
    internal::Notice("no heap file: ", why);
    return;
  }
  const bool is_asked = asked.load(std::memory_order_relaxed) != answered.load();
  const Request& request = state.at_exit.pattern != nullptr ? state.at_exit : state.on_signal;
  if (state.at_exit.pattern != nullptr || is_asked) {
    SayNoFile(request, state.files.load() + 1, why);
  }
  state.lock.unlock();
}

void AnswerAtExit() {
  State& state = TheState();
  Request request;
  bool by_signal = false;
  {
    const std::lock_guard guard(state.lock);
    request = state.at_exit;
    by_signal = state.signal != 0;
  }
  if (by_signal) AnswerSignals(/*last=*/true);
  if (request.pattern != nullptr) Serve(request, /*at_exit=*/true);
}

constinit internal::ExitTask at_exit = {
    .write = AnswerAtExit,
    .leave_out = SayWhyNothingAtExit,
    .confined = AnswerAtExit,  // nothing is written then, but by others
    .make_room = [] { reserve.LetGo(); }};

Request MakeRequest(const std::string& pattern, uint32_t owner) {
  const InsideTracking inside;  // a block of the library's own is not what is asked about
  return {std::make_shared<const std::string>(pattern),
          owner != 0 ? owner : static_cast<uint32_t>(::getpid())};
}

}  // namespace

Status WriteHeapFileOnSignal(int signal, const std::string& pattern, uint32_t owner) try {
  if (pattern.empty()) return status::Invalid("a heap file without a name can not be written");
  Request request = MakeRequest(pattern, owner);
  ALKAID_RETURN_NOT_OK(internal::WriteAtExit(&at_exit));
  State& state = TheState();
  const std::lock_guard guard(state.lock);
  if (state.signal != 0 && state.signal != signal) {
    return status::AlreadyExists("heap files are asked for by signal ", state.signal,
                                 "; it can not be signal ", signal, " as well");
  }
  if (state.signal == 0) {
    ALKAID_RETURN_NOT_OK(CheckSignal(signal));
    ALKAID_RETURN_NOT_OK(Install(signal));
    state.signal = signal;
  }
  state.on_signal = std::move(request);
  reserve.SetAside();
  ExpectHeapFiles();
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status WriteHeapFileAtExit(const std::string& pattern, uint32_t owner) try {
  if (pattern.empty()) return status::Invalid("a heap file without a name can not be written");
  Request request = MakeRequest(pattern, owner);
  ALKAID_RETURN_NOT_OK(internal::WriteAtExit(&at_exit));
  State& state = TheState();
  const std::lock_guard guard(state.lock);
  state.at_exit = std::move(request);
  reserve.SetAside();
  ExpectHeapFiles();
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<int> ParseSignal(std::string_view text) try {
  std::string_view name = text;
  if (name.starts_with("SIG")) name.remove_prefix(3);
  int first = 0;
  if (name.starts_with("RTMIN+")) {
    name.remove_prefix(6);
    first = SIGRTMIN;
  }
  int number = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
  if (parsed.ec == std::errc() && parsed.ptr == name.data() + name.size() && number >= 0 &&
      number <= SIGRTMAX - first && first + number > 0) {
    return first + number;
  }
  for (int i = 1; first == 0 && i < SIGRTMIN; ++i) {
    const char* abbreviation = ::sigabbrev_np(i);
    if (abbreviation != nullptr && name == abbreviation) return i;
  }
  return status::Invalid("\"", std::string(text),
                         "\" is no signal; USR2, SIGUSR2, 12 and RTMIN+3 are");
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::heap
