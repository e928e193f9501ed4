// The kernel's id of a thread, without a system call.
//
// What stands at an allocation may ask for no more of the kernel than malloc does: a program that
// has confined itself (seccomp) can be ended for any other call.
//
// Ownership: none. Threads: any, in signal handlers too. Nothing here allocates.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// Of the calling thread, also in a forked child. Some 10 ns: what asks often keeps the answer.
ALKAID_EXPORT uint32_t KernelThreadId();

}  // namespace alkaid::internal
