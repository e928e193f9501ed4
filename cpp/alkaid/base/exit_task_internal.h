// What this library writes when the process ends by exit, or by returning from main.
//
// All tasks are done in one go, in the order of their ranks, by one function that is registered with
// the first of them (atexit): after what the program registers later. The program ends as it would:
//
// - The thread may be near the end of its stack: tasks have another one (spare_stack_internal.h).
// - Another exit meanwhile goes no further on another thread. In a handler on the same thread it
//   comes when all is written: signals with handlers wait, save those of faults, and so does a
//   cancellation. A signal without a handler ends the program at once.
// - SIGPIPE and SIGXFSZ of what is written end nobody (write_signals_internal.h).
// - In the middle of malloc or of this library, as in a signal handler that interrupted it, a
//   thread can neither allocate nor wait: nothing is written.
// - Nor is it where a filter of system calls (seccomp) would end the thread for it.
// - A child of vfork that calls exit has its parent's memory. It writes nothing and ends there; the
//   tasks, and what was registered before them, are left to its parent.
//
// Ownership: borrows tasks, which live as long as the process. Threads: all functions, from any
// thread. Out of memory: WriteAtExit refuses, and at exit each task is told.
#pragma once

#include <cstddef>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::internal {

// The order at exit, whatever the order in which tasks were asked for. One task has each rank.
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
  // Nothing is written. Takes no lock that the thread could have to wait for, and allocates
  // nothing.
  void (*leave_out)(std::string_view why);
  // The thread is ended where it writes: at most it waits for another one, and says a line.
  void (*confined)();
  // Called before any task needs memory: gives back what was set aside for this. May be null.
  void (*make_room)() = nullptr;
};

// Has the task done at exit, once however often it is asked for. kAlreadyExists where another task
// has its rank; kOutOfMemory where the C library takes nothing more for its exit. Not for signal
// handlers, nor with a guarded lock held (fork_guard_internal.h).
ALKAID_EXPORT Status WriteAtExit(const ExitTask* task);

// As at exit, on a thread that the program knows nothing of and that is to end the process by
// `signal` thereafter: true where it is to, at once where all is written already. False while another
// thread is at it: the process ends by exit.
ALKAID_EXPORT bool WriteBeforeSignalEnds(int signal);
// The signal by which the process is to end; 0 where it ends by exit, or goes on.
ALKAID_EXPORT int EndingSignal();

// A line's words for a task that is left out since `confined`.
inline constexpr char kConfinedAtExit[] =
    "a filter of system calls (seccomp) ends the program where it writes";

// What has to be known of the calling thread, which higher floors know.
struct ExitQuestions {
  void (*learn)();           // what the others need; called by WriteAtExit
  bool (*may_write)();       // without being ended
  bool (*ends_in_malloc)();  // or in the middle of this library
};
// For the process, from then on. `questions` lives as long.
ALKAID_EXPORT void AskAtExit(const ExitQuestions* questions);

}  // namespace alkaid::internal
