// Finds out what a filter of system calls (seccomp) may do with a call.
//
// The filter is a program for a small machine, which the kernel has checked or will refuse. It is
// executed here with what is known of the call. If a jump depends on something unknown, such as an
// argument that is only known at the call, both ways are followed.
//
// Ownership: the filter is the caller's. Threads: any. Out of memory: each question maps up to
// 600 KiB while it runs; if there is no memory for that, the answer is that every call may end the
// process.
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

// What may happen to a call, from good to bad.
enum class Fate : uint8_t {
  kMade,
  kFails,  // it returns an error, or another process decides
  kEnds,   // it ends the process or the thread
};

// The worst that the filter may do. kMade for a filter that the kernel would refuse.
Fate WorstFate(const sock_fprog& filter, const KnownCall& call);

// Whether it may end a thread for one of the calls that writing a file makes. A failing brk ends
// the thread too: the C library takes the error for the new end of the heap.
bool EndsWhoWritesFiles(const sock_fprog& filter);

// The same for the calls that start a thread.
bool EndsWhoStartsThreads(const sock_fprog& filter);

// The same for the calls, besides write, of a line on stderr or a fault's report.
bool EndsWhoSaysALine(const sock_fprog& filter);

// The same for write to stderr itself.
bool EndsWhoWritesToStderr(const sock_fprog& filter);
// The same for the call that waits for another thread or wakes one. If it fails the C library ends
// the process.
bool EndsWhoWaits(const sock_fprog& filter);

}  // namespace alkaid::heap::preload
