// KernelThreadId: the kernel's id of a thread, without a system call.
//
// Code that runs at an allocation may make no system calls but malloc's: a program that has
// confined itself (seccomp) can be killed for any other call.
//
// Ownership: none. Threads: any, in signal handlers too. Nothing here allocates.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// The calling thread's, also in a forked child. About 10 ns: keep the result if it is used often.
ALKAID_EXPORT uint32_t KernelThreadId();

}  // namespace alkaid::internal
