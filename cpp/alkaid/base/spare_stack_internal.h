// CallOnSpareStack: another stack for a call that may be made near the end of the thread's own.
//
// Ownership: a mapping for the time of the call. Threads: any. Out of memory: the call is not made.
#pragma once

#include "alkaid/base/export.h"

namespace alkaid::internal {

// Gives the call 256 KiB of stack. Takes less than 1 KiB of the thread's own, besides what the
// kernel's answers need. Returns 0, or an errno if the kernel gave no memory for it. The call is
// made on the thread's own stack if the kernel refuses to switch, as by a filter of system calls,
// and under a sanitizer, which watches stacks. No exception may leave `call`.
ALKAID_EXPORT int CallOnSpareStack(void (*call)(void* argument), void* argument);

}  // namespace alkaid::internal
