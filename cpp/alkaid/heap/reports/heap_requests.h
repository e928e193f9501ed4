// Heap files on request: when the process ends, and whenever it gets a signal.
//
//   ALKAID_HEAP_AT_EXIT=leaks.%p.heap ./reader        # one when it ends
//   ALKAID_HEAP_SIGNAL=USR2 ./reader & kill -USR2 $!  # one now: alkaid-heap.<process>.1
//
// Names are patterns: %p becomes the process id, %n counts the files of the process from 1, %%
// is a percent sign. To a name without %p a process appends ".<process id>" where it was forked
// from the one that was asked, or where ALKAID_HEAP_OWNER names another process, as it does in what
// the command of `alkaid run` starts: it leaves the other's file alone.
//
// By signal: the handler does nothing but count and sem_post, so a signal may come at any
// instruction. A thread with all signals blocked takes the snapshot; signals that come while it is
// at work are answered together by one more. A forked child has such a thread of its own. Where
// memory is not tracked when the first signal comes, tracking begins then, as
// ALKAID_TRACK_ALLOCATIONS would have it: that file has the pools' totals, later ones the blocks.
// What was written, or why not, is one line on stderr. What was asked before main returned is
// answered before the process ends.
//
// A process that a signal ends, as services are by SIGTERM, writes at exit only where that is asked
// for: ALKAID_EXIT_SIGNALS=TERM, or WriteBeforeSignalEnds. A thread then does all that is done at
// exit, for leak profiles and reservations too, while the program's threads go on; after that the
// process ends by the signal as it would have. The second such signal ends it at once.
//
// At exit: after main has returned or exit was called, after the program's own handlers and the
// destructors of its static objects. _exit, quick_exit and any other signal that ends the process
// write nothing. A failure is one line on stderr; the exit code stays what it is. That goes for a full
// disk, a limit of file sizes and a stderr that nobody reads. The thread that calls exit may have
// the smallest stack there is. Nothing is written where a signal handler calls exit that
// interrupted malloc or this library: one line says so. Another exit meanwhile waits for the file;
// signals with handlers, save those of faults, come to the thread that writes it when it is there.
//
// When memory is gone: from the first request on, 32 MiB of address space are set aside, which take
// no memory, and what is needed for threads and names is there. They are let go of while a file is
// made, and set aside again where that can be. A heap of about 100,000 blocks fits.
//
// Ownership: process-wide, for good. Threads: all functions, from any thread. Out of memory: the
// functions throw std::bad_alloc, and nothing has changed. Where the reserve is too small, or was
// another thread's meanwhile, there is no file, and a line that says so; the process goes on.
#pragma once

#include <string>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::heap {

inline constexpr char kDefaultHeapFile[] = "alkaid-heap.%p.%n";

// As ALKAID_HEAP_SIGNAL with ALKAID_HEAP_FILE. A second call with the same signal changes the name.
// `owner` is the process whose files keep a name without %p as it is; 0: this one.
// kInvalidArgument for what is no signal, cannot be caught, or stands for a fault of the program;
// kFailedPrecondition where the program has a handler for it: one of the two would not hear it.
// kAlreadyExists where another signal was chosen before.
ALKAID_EXPORT Status WriteHeapFileOnSignal(int signal,
                                           const std::string& pattern = kDefaultHeapFile,
                                           uint32_t owner = 0);

// As ALKAID_HEAP_AT_EXIT. A second call changes the name. `owner`: as above. kInvalidArgument for
// no name.
ALKAID_EXPORT Status WriteHeapFileAtExit(const std::string& pattern, uint32_t owner = 0);

// Takes one now, as where the signal comes, but on the calling thread. The snapshot has the
// name. What was written, or why not, is a line on stderr. `owner`: as above.
ALKAID_EXPORT void WriteHeapFileNow(const std::string& pattern, std::string_view name,
                                    uint32_t owner = 0) noexcept;

// As one of ALKAID_EXIT_SIGNALS. kInvalidArgument for another than HUP, INT, QUIT, TERM, ALRM, XCPU,
// USR1 and USR2; kFailedPrecondition where the program handles or ignores it, which goes on. A
// handler that the program installs later takes the place of this one, and may call exit.
ALKAID_EXPORT Status WriteBeforeSignalEnds(int signal);

// A signal's number from "USR2", "SIGUSR2", "12" or "RTMIN+3".
ALKAID_EXPORT Result<int> ParseSignal(std::string_view text);

}  // namespace alkaid::heap
