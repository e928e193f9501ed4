// Text on stderr for the library's own purposes. The program may not expect it, so it must neither
// end nor stop the program:
//
// - Nobody reads, or RLIMIT_FSIZE is reached: the signals of such a write are blocked and
//   discarded.
// - A pipe or a socket is full: waits until nobody has read for one second, then leaves out the
//   rest. Two waits have no limit: another process may fill the pipe between the check and the
//   write, and a terminal may be stopped. If the state cannot be queried, as under an RLIMIT_NOFILE
//   of 0, the text is left out.
// - The thread is cancelled: the cancellation waits.
// - A filter of system calls (seccomp) may end the thread for one of the calls that this takes: the
//   text is then a bare write, and is left out if a write might end the program. So it is always
//   written to a terminal, a device, and a file without limit. To a pipe, a socket and a file with
//   a limit it is written once, right after LookAtStderr has found room. Threads under such a
//   filter are known where libalkaid_malloc.so is loaded (heap/tracking/confinement_internal.h).
//
// errno stays. Ownership: nothing is kept. Threads: any, also in signal handlers. Out of memory:
// nothing is allocated.
#pragma once

#include <cstdint>
#include <string_view>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// What the calling thread may do without being ended.
enum class StderrCalls : uint8_t { kAll, kOnlyWrite, kNone };

// One write if it is less than 4 KiB, or stderr is not a pipe.
ALKAID_EXPORT void WriteToStderr(std::string_view text) noexcept;

// Sets the function that answers for the calling thread.
ALKAID_EXPORT void AskForStderrCalls(StderrCalls (*ask)() noexcept) noexcept;
ALKAID_EXPORT StderrCalls AllowedStderrCalls() noexcept;

// Called before a thread gives up system calls: finds out what stderr can take by bare writes while
// the queries are still allowed.
ALKAID_EXPORT void LookAtStderr() noexcept;

}  // namespace alkaid::internal
