// ExitTask: what this library writes when the process ends by exit, or by returning from main.
//
// All tasks run together, in the order of their ranks, from one function that the first task
// registers (atexit). So they run after everything that the program registers later. The program
// still ends as it would:
//
// - The thread may be near the end of its stack: tasks run on another one (spare_stack_internal.h).
// - Another thread that calls exit meanwhile waits. Signals with handlers, except those of faults,
//   and cancellations wait until all is written; so a handler that calls exit on the same thread
//   does too. A signal without a handler ends the program at once.
// - SIGPIPE and SIGXFSZ from these writes end no process (write_signals_internal.h).
// - In the middle of malloc or of this library, as in a signal handler that interrupted it, a
//   thread can neither allocate nor wait: nothing is written.
// - Nothing is written either if a filter of system calls (seccomp) would end the thread for it.
// - A child of vfork that calls exit shares its parent's memory. It writes nothing and ends there;
//   the tasks, and what was registered before them, are left to its parent.
//
// Ownership: borrows tasks, which live as long as the process. Threads: all functions, from any
// thread. Out of memory: WriteAtExit refuses; at exit each task is notified by `leave_out`.
#pragma once

#include <cstddef>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::internal {

// The order at exit, in whatever order tasks were registered. Each rank has at most one task.
enum class ExitRank {
  kReservations,  // first, so that what the others build is not learnt
  kLeakProfile,   // its last stamp sees the memory before heap files are made
  kHeapFiles,
};
inline constexpr size_t kExitRanks = 3;

// None of the functions may throw.
struct ExitTask {
  ExitRank rank;
  void (*write)();
  // Called instead of `write`, with the reason. Takes no lock that the thread might have to wait
  // for, and allocates nothing.
  void (*leave_out)(std::string_view why);
  // Called if writing would end the thread: at most waits for another one, and prints a line.
  void (*confined)();
  // Called before any task needs memory: frees what was reserved for this. May be null.
  void (*make_room)() = nullptr;
};

// Registers the task to run at exit; once, however often it is called. kAlreadyExists if another
// task has its rank; kResourceExhausted if the C library takes no more exit functions. Not for
// signal handlers, nor with a guarded lock held (fork_guard_internal.h).
ALKAID_EXPORT Status WriteAtExit(const ExitTask* task);

// Runs the tasks as at exit, on a thread of the library's own that will then end the process by
// `signal`. Returns true if it is to do so, at once if everything is written already. Returns false
// while another thread runs the tasks: the process then ends by exit.
ALKAID_EXPORT bool WriteBeforeSignalEnds(int signal);
// Whether this is a child of vfork, which shares the memory of the process that WriteAtExit was
// called in; false where that was never called, and in a child of fork or _Fork. May be called in a
// signal handler.
ALKAID_EXPORT bool IsOthersMemory();

// The signal by which the process is to end; 0 if it ends by exit, or goes on.
ALKAID_EXPORT int EndingSignal();

// The reason for a task that is left out since `confined`.
inline constexpr char kConfinedAtExit[] =
    "a filter of system calls (seccomp) would end the program if it wrote";

// Questions about the calling thread that higher floors can answer.
struct ExitQuestions {
  void (*learn)();           // prepares the others; called by WriteAtExit
  bool (*may_write)();       // without being ended for it
  bool (*ends_in_malloc)();  // or in the middle of this library
};
// Sets the questions for the process. `questions` must live as long.
ALKAID_EXPORT void AskAtExit(const ExitQuestions* questions);

}  // namespace alkaid::internal
