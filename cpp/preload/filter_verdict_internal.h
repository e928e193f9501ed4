// What a filter of system calls (seccomp) may do with a call.
//
// The filter is a program for a small machine, which the kernel has checked or will refuse. It is
// gone through here with what is known of the call. Where a jump depends on something else, such as
// an argument that is only known when the call is made, both ways are followed.
//
// Ownership: the filter is the caller's. Threads: any. Out of memory: a mapping of 350 KiB is made
// for the time of a question; where there is none, every call may be ended.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <array>
#include <cstdint>
#include <optional>

namespace alkaid::heap::preload {

struct KnownCall {
  int number = 0;
  std::array<std::optional<uint64_t>, 6> arguments = {};
};

// Whether the filter may end the process, or the thread, for that call. False for a filter that the
// kernel would refuse.
bool MayEnd(const sock_fprog& filter, const KnownCall& call);

// For one of the calls that writing a file makes.
bool EndsWhoWritesFiles(const sock_fprog& filter);

// For one of the calls that starting a thread makes.
bool EndsWhoStartsThreads(const sock_fprog& filter);

// For one of the calls that a line on stderr or the report of a fault makes beside write.
bool EndsWhoSaysALine(const sock_fprog& filter);

// For write itself, there.
bool EndsWhoWritesToStderr(const sock_fprog& filter);

}  // namespace alkaid::heap::preload
