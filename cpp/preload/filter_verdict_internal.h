// What a filter of system calls (seccomp) may do with a call.
//
// The filter is a program for a small machine, which the kernel has checked or will refuse. It is
// gone through here with what is known of the call. Where a jump depends on something else, such as
// an argument that is only known when the call is made, both ways are followed.
//
// Ownership: the filter is the caller's. Threads: any. Out of memory: a mapping of 350 KiB is made
// for the time of a question; where there is none, every call may end the process.
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

// What may become of a call, from good to bad.
enum class Fate : uint8_t {
  kMade,
  kFails,  // it answers with an error, or as another process likes
  kEnds,   // the process, or the thread
};

// The worst of what the filter may do. kMade for a filter that the kernel would refuse.
Fate WorstFate(const sock_fprog& filter, const KnownCall& call);

// For one of the calls that writing a file makes. A brk that fails ends who makes it as well: the C
// library takes the error for the new end of the heap.
bool EndsWhoWritesFiles(const sock_fprog& filter);

// For one of the calls that starting a thread makes.
bool EndsWhoStartsThreads(const sock_fprog& filter);

// For one of the calls that a line on stderr or the report of a fault makes beside write.
bool EndsWhoSaysALine(const sock_fprog& filter);

// For write itself, there.
bool EndsWhoWritesToStderr(const sock_fprog& filter);
// For the call that waits for another thread, or wakes one. Where it fails the C library ends the
// process.
bool EndsWhoWaits(const sock_fprog& filter);

}  // namespace alkaid::heap::preload
