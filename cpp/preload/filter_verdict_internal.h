// What a filter of system calls (seccomp) would do with a call.
//
// The filter is a program for a small machine, which the kernel has checked or will refuse. It is run
// here as the kernel would run it.
//
// Ownership: the filter is the caller's. Threads: any. Out of memory: nothing is allocated.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>

namespace alkaid::heap::preload {

// SECCOMP_RET_*, with the data in its lower half. SECCOMP_RET_ALLOW for a filter that the kernel would
// refuse.
uint32_t FilterVerdict(const sock_fprog& filter, const seccomp_data& call);

// Whether the filter ends the process, or the thread, for one of the calls that writing a file makes.
bool EndsWhoWritesFiles(const sock_fprog& filter);

}  // namespace alkaid::heap::preload
