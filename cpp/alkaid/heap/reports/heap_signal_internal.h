// The signal that requests heap files, and the thread that answers it.
//
// The handler counts and wakes a thread, which takes the snapshot. Signals that arrive meanwhile
// are answered together by one more. Without a thread, as in some forked children, requests are
// answered at exit.
//
// Ownership: process-wide, never released. Threads: all functions, from any thread. Out of memory:
// see each function.
#pragma once

#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/heap/reports/requested_heap_file_internal.h"

namespace alkaid::heap {

// From now on `signal` requests `request`. Fails like WriteHeapFileOnSignal. May throw
// std::bad_alloc.
ALKAID_EXPORT Status AnswerHeapSignal(int signal, HeapFileRequest request);

// Answers all open requests; later ones are not answered, since the process ends. A thread that a
// filter of system calls would end for it does not answer; if it may wait, it waits for a thread
// that is answering.
ALKAID_EXPORT void AnswerLastHeapSignals() noexcept;

// Prints why there is no file for open requests. Never waits for a lock, and needs no memory.
ALKAID_EXPORT void LeaveOutLastHeapSignals(std::string_view why) noexcept;

// Starts a thread that answers signals: all signals are blocked in it, tracking does not see it,
// and it is never joined. `serve` must first call BeginAnswering with its argument. Returns the
// error number, or 0.
ALKAID_EXPORT int StartAnsweringThread(void* (*serve)(void*));
ALKAID_EXPORT void BeginAnswering(void* confinement, const char* name);

}  // namespace alkaid::heap
