// The signal that asks for heap files, and who answers it.
//
// The handler counts and wakes a thread, which takes the snapshots: signals that come meanwhile are
// answered together by one more. Where no thread can be had, as in some forked children, what was
// asked is answered at exit.
//
// Ownership: process-wide, for good. Threads: all functions, from any thread. Out of memory: see
// each.
#pragma once

#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/heap/reports/requested_heap_file_internal.h"

namespace alkaid::heap {

// `signal` asks for `request` from now on. Fails as WriteHeapFileOnSignal. May throw
// std::bad_alloc.
ALKAID_EXPORT Status AnswerHeapSignal(int signal, HeapFileRequest request);

// Answers what was asked and is not answered yet; from then on nothing is, since the process ends.
// Does not answer on a thread that a filter of system calls ends for it: it waits for another that
// is at it, where it may.
ALKAID_EXPORT void AnswerLastHeapSignals() noexcept;

// Says of what was asked and is not answered yet why there is no file. Takes no lock that it would
// have to wait for, and needs no memory.
ALKAID_EXPORT void LeaveOutLastHeapSignals(std::string_view why) noexcept;

// Starts a thread for signals' sake: all are blocked in it, tracking does not see it, and it is never
// joined. `serve` gets what BeginAnswering takes, and calls that first. The error, or 0.
ALKAID_EXPORT int StartAnsweringThread(void* (*serve)(void*));
ALKAID_EXPORT void BeginAnswering(void* confinement, const char* name);

}  // namespace alkaid::heap
