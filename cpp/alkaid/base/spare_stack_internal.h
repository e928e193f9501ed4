// Another stack for a call that may be made near the end of the thread's own.
//
// Ownership: a mapping for the time of the call. Threads: any. Out of memory: the call is not made.
#pragma once

#include "alkaid/base/export.h"

namespace alkaid::internal {

// Takes less than 1 KiB of the thread's own stack beside what the kernel's answers need, and gives
// the call 256 KiB. Answers 0, or why the kernel gave no memory for that, as errno has it; where it
// refuses to switch, as by a filter of system calls, the call is made on the thread's own stack. No
// exception may leave `call`. Under a sanitizer, which watches stacks, the call is made on the
// thread's own.
ALKAID_EXPORT int CallOnSpareStack(void (*call)(void* argument), void* argument);

}  // namespace alkaid::internal
