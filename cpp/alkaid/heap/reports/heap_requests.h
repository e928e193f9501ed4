// Heap files on request: when the process ends, and whenever it gets a signal.
//
//   ALKAID_HEAP_AT_EXIT=leaks.%p.heap ./reader        # one when it ends
//   ALKAID_HEAP_SIGNAL=USR2 ./reader & kill -USR2 $!  # one now: alkaid-heap.<process>.1
//
// Names are patterns: %p is the process id, %n counts the files of the process from 1, %% is a
// percent sign. If the name has no %p, a process that is not its owner appends ".<process id>", so
// that it does not overwrite the owner's file. Such a process was forked from the one that was
// asked, or has another process in ALKAID_HEAP_OWNER, which `alkaid run` sets for all that its
// command starts.
//
// On a signal: the handler only counts and calls sem_post, so a signal may arrive at any
// instruction. A thread with all signals blocked takes the snapshot; signals that arrive meanwhile
// are answered together by one more file. A forked child has its own such thread. If memory is not
// tracked when the first signal arrives, tracking starts then, with the options of
// ALKAID_TRACK_ALLOCATIONS: that file has only the pools' totals, later files have the new blocks.
// One line on stderr reports what was written, or why nothing was. Requests from before main
// returned are answered before the process ends.
//
// When a signal ends the process, as SIGTERM ends services: files are written only if this is asked
// for by ALKAID_EXIT_SIGNALS=TERM or WriteBeforeSignalEnds. A thread then does all that is done at
// exit, also for leak profiles and reservations, while the program's threads go on. Then the
// process ends by the signal as it would have. A second such signal ends it at once.
//
// At exit: after main returned or exit was called, and after the program's own exit handlers and
// static destructors. _exit, quick_exit and all other signals that end the process write nothing. A
// failure is one line on stderr and leaves the exit code as it is: so for a full disk, a limit on
// file sizes and a stderr without a reader. The thread that calls exit may have the smallest
// possible stack. If a signal handler interrupted malloc or this library and calls exit, nothing is
// written, and one line says so. Another exit meanwhile waits for the file. The thread that writes
// gets signals with handlers, except those of faults, when the file is complete.
//
// When memory is exhausted: the first request reserves 32 MiB of address space, which takes no
// memory, and allocates what threads and names need. The reserve is released while a file is made,
// and taken again afterwards if possible. It is enough for a heap of about 100,000 blocks.
//
// Ownership: process-wide, never released. Threads: all functions, from any thread. Out of memory:
// the functions throw std::bad_alloc and change nothing. If the reserve is too small, or another
// thread took its memory, one line says that there is no file, and the process goes on.
#pragma once

#include <string>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::heap {

inline constexpr char kDefaultHeapFile[] = "alkaid-heap.%p.%n";

// Like ALKAID_HEAP_SIGNAL with ALKAID_HEAP_FILE. A second call with the same signal changes the
// name. `owner` is the process that writes to a name without %p as it is; 0: this process.
// kInvalidArgument if `signal` is no signal, cannot be caught, or stands for a fault of the
// program. kFailedPrecondition if the program has a handler for it, since only one handler can be
// installed. kAlreadyExists if another signal was chosen before.
ALKAID_EXPORT Status WriteHeapFileOnSignal(int signal,
                                           const std::string& pattern = kDefaultHeapFile,
                                           uint32_t owner = 0);

// Like ALKAID_HEAP_AT_EXIT. A second call changes the name. `owner`: as above. kInvalidArgument if
// the name is empty.
ALKAID_EXPORT Status WriteHeapFileAtExit(const std::string& pattern, uint32_t owner = 0);

// Writes a file now, as on a signal, but on the calling thread. `name` is the snapshot's name. One
// line on stderr reports what was written, or why nothing was. `owner`: as above.
ALKAID_EXPORT void WriteHeapFileNow(const std::string& pattern, std::string_view name,
                                    uint32_t owner = 0) noexcept;

// Like a signal in ALKAID_EXIT_SIGNALS. kInvalidArgument for others than HUP, INT, QUIT, TERM,
// ALRM, XCPU, USR1 and USR2. kFailedPrecondition if the program handles or ignores it; that does
// not change. A handler that the program installs later replaces this one, and may call exit.
ALKAID_EXPORT Status WriteBeforeSignalEnds(int signal);

// The number of a signal, from "USR2", "SIGUSR2", "12" or "RTMIN+3".
ALKAID_EXPORT Result<int> ParseSignal(std::string_view text);

}  // namespace alkaid::heap
