#include "alkaid/heap/reports/heap_requests.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "alkaid/base/cancellation_off_internal.h"
#include "alkaid/base/environment.h"
#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/base/number_text.h"
#include "alkaid/base/output_name.h"
#include "alkaid/base/write_signals_internal.h"
#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/reports/memory_reserve_internal.h"
#include "alkaid/heap/reports/spare_stack_internal.h"
#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/malloc_events_internal.h"
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

// The thread that answers at exit, by its state; null before, kNobody after.
std::atomic<const void*> exiting{nullptr};
constexpr const void* kNobody = &exiting;
sem_t process_gone;  // never open

// The process that was asked, in a page that a forked child finds empty. A child of vfork shares it,
// and what is registered.
pid_t* process = nullptr;

bool IsOthersMemory() {
  if (process == nullptr || *process == 0) return false;
  const pid_t self = ::getpid();
  return self > 0 && self != *process;  // a filter may have the call fail
}

void OnSignal(int /*signal*/) {
  const int error = errno;
  asked.fetch_add(1, std::memory_order_relaxed);
  if (MayWait()) ::sem_post(&requests);  // wakes who answers
  errno = error;
}

// Let go of while a request is answered: memory may be why it is asked.
constinit MemoryReserve reserve;

void StartThreadInChild();
void AtExit();

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
  bool hears_of_exit = false;
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
  // The fork may have come while a file was being made, or another thread was on its way out.
  exiting = nullptr;
  if (process != nullptr && MayWriteHeapFiles()) *process = std::max(::getpid(), 0);
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

constexpr std::string_view kEndsInMalloc = "the program ends in the middle of malloc or fork";

constexpr std::string_view kCalledAgain =
    "exit was called again while it was made, where nothing can wait for it";

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

// What follows where the library goes is called by code of the compiler's, past which a stack
// cannot be seen.
[[gnu::destructor]] void SeeWhatEnds() {
  if (TheState().hears_of_exit && MayWriteHeapFiles()) alkaid_track_exit(/*inside=*/false);
}

// Where the program handles a signal by exit, the handler is to come when the file is there. Those
// of faults come as they would, and so does a signal without a handler: it ends a program whose file
// takes too long.
class HandlersKeptOff {
 public:
  HandlersKeptOff() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (int signal = 1; signal <= SIGRTMAX; ++signal) {
      struct sigaction action;
      if (::sigaction(signal, nullptr, &action) != 0) continue;  // the C library's own
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

// The thread that calls exit may be near the end of its stack.
void AnswerOnSpareStack() {
  reserve.LetGo();
  const auto answer = [](void* /*nothing*/) {
    tracking_thread.ends_in_malloc ? SayWhyNothingAtExit(kEndsInMalloc) : AnswerAtExit();
  };
  const int error = CallOnSpareStack(answer, nullptr);
  if (error != 0) {
    internal::Notice("no heap file at exit: ",
                     error == ENOMEM ? "out of memory" : ::strerrordesc_np(error));
  }
}

// Another thread may call exit meanwhile, and so may a handler on this one: the process would end
// before the file is there. The C library calls what is registered once for all of them, so each
// leaves AtExit registered for the next. The other thread goes no further, as in a C library of
// 2.41 or later: before, two in exit may meet in what it frees.
void AnswerOnce(void (*answer)()) {
  static constinit std::atomic_flag said = {};
  const void* who = nullptr;
  if (exiting.compare_exchange_strong(who, &tracking_thread)) {
    std::atexit(AtExit);
    answer();
    exiting = kNobody;
  } else if (who == kNobody) {
    return;
  } else if (who == &tracking_thread || tracking_thread.ends_in_malloc) {
    if (MayWriteHeapFiles() && !said.test_and_set()) SayWhyNothingAtExit(kCalledAgain);
  } else {
    std::atexit(AtExit);
    Wait(&process_gone);
  }
}

void AtExit() {
  const internal::CancellationOff off;
  // Nothing is asked of the kernel then, but to wait for a file that is being written.
  if (!MayWriteHeapFiles()) {
    if (!tracking_thread.ends_in_malloc) AnswerOnce(AnswerAtExit);
    return;
  }
  if (IsOthersMemory()) {
    CallAtExit(AtExit);
    return;
  }
  alkaid_track_exit(/*inside=*/false);
  const HandlersKeptOff kept_off;
  AnswerOnce(AnswerOnSpareStack);
}

Request MakeRequest(const std::string& pattern, uint32_t owner) {
  const InsideTracking inside;  // a block of the library's own is not what is asked about
  return {std::make_shared<const std::string>(pattern),
          owner != 0 ? owner : static_cast<uint32_t>(::getpid())};
}

// With the state's lock held.
Status HearOfExit(State* state) {
  const InsideTracking inside;
  alkaid_track_expect_exit();
  if (state->hears_of_exit) return absl::OkStatus();
  ::sem_init(&process_gone, 0, 0);
  // See AnswerOnce: one for who comes before the first has registered it once more.
  for (int i = 0; i < 2; ++i) {
    if (std::atexit(AtExit) == 0) continue;
    return status::OutOfMemory("nothing more can be done at exit: atexit refused");
  }
  void* const page =
      ::mmap(nullptr, sizeof(pid_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page != MAP_FAILED && ::madvise(page, sizeof(pid_t), MADV_WIPEONFORK) == 0) {
    process = new (page) pid_t{::getpid()};
  }
  state->hears_of_exit = true;
  return absl::OkStatus();
}

}  // namespace

Status WriteHeapFileOnSignal(int signal, const std::string& pattern, uint32_t owner) try {
  if (pattern.empty()) return status::Invalid("a heap file without a name can not be written");
  Request request = MakeRequest(pattern, owner);
  State& state = TheState();
  const std::lock_guard guard(state.lock);
  if (state.signal != 0 && state.signal != signal) {
    return status::AlreadyExists("heap files are asked for by signal ", state.signal,
                                 "; it can not be signal ", signal, " as well");
  }
  if (state.signal == 0) {
    ALKAID_RETURN_NOT_OK(CheckSignal(signal));
    ALKAID_RETURN_NOT_OK(HearOfExit(&state));
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
  State& state = TheState();
  const std::lock_guard guard(state.lock);
  ALKAID_RETURN_NOT_OK(HearOfExit(&state));
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
