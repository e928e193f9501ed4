// Text on stderr on this library's own account. A program need not expect it, so it neither ends
// nor stops the program:
//
// - Nobody reads, or RLIMIT_FSIZE is reached: the signals of such a write are blocked and taken.
// - A pipe or a socket is full: it is waited for until nobody has read for one second. What has not
//   been written then is left out. Another process may fill a pipe between the look and the write;
//   that wait, and that for a terminal that is stopped, have no end. Where nothing can be asked
//   about it, as under an RLIMIT_NOFILE of none, the text is left out.
// - The thread is cancelled: that waits.
// - A filter of system calls (seccomp) may end the thread for one of the calls that this takes: the
//   text is a bare write, and is left out where a write might end the program. So it is written to
//   a terminal, to a device, and to a file without limit; to a pipe, a socket and a file with a
//   limit once, right after LookAtStderr has found room. Who is under such a filter is known where
//   libalkaid_malloc.so is loaded (heap/tracking/confinement_internal.h).
//
// errno stays. Ownership: nothing is kept. Threads: any, in signal handlers too. Out of memory:
// nothing is allocated.
#pragma once

#include <cstdint>
#include <string_view>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// What the calling thread may do without being ended.
enum class StderrCalls : uint8_t { kAll, kOnlyWrite, kNone };

// Less than 4 KiB, and what is no pipe, are one write.
ALKAID_EXPORT void WriteToStderr(std::string_view text) noexcept;

// From now on `ask` answers for the calling thread.
ALKAID_EXPORT void AskForStderrCalls(StderrCalls (*ask)() noexcept) noexcept;
ALKAID_EXPORT StderrCalls AllowedStderrCalls() noexcept;

// A thread is about to give up calls: what stderr can take by bare writes is found out while that
// may be asked for.
ALKAID_EXPORT void LookAtStderr() noexcept;

}  // namespace alkaid::internal
