// CallOnSpareStack: makes a call on another stack, for a thread near the end of its own.
//
// Ownership: a mapping for the time of the call. Threads: any. Out of memory: the call is not made
// if the stack cannot be mapped.
#pragma once

#include "alkaid/base/export.h"

namespace alkaid::internal {

// Makes the call on 256 KiB of stack. Takes less than 1 KiB of the thread's own stack, besides what
// the kernel's answers need. Returns 0, or the errno of mmap if the stack cannot be mapped. In two
// cases it makes the call on the thread's own stack, and returns 0:
// - mprotect or the switch of stacks fails, for instance by a filter of system calls (seccomp)
// - AddressSanitizer or ThreadSanitizer is on: they watch stacks
// No exception may leave `call`.
ALKAID_EXPORT int CallOnSpareStack(void (*call)(void* argument), void* argument);

}  // namespace alkaid::internal
