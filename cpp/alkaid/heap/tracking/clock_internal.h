// The clock of the tables.
//
// Ownership: none. Threads: any. Out of memory: nothing is allocated.
#pragma once

#include <time.h>

#include <atomic>
#include <cstdint>

#include "alkaid/base/export.h"

extern "C" {

// A thread is about to forbid itself the processor's clock (PR_SET_TSC); asking for the time then
// ends it. From now on every thread gets the time of this call, since the threads that this one
// starts inherit the ban. False if the clock was stopped already.
ALKAID_EXPORT bool alkaid_track_stop_clock();
// The kernel refused, so the clock goes on.
ALKAID_EXPORT void alkaid_track_go_on_clock();

}  // extern "C"

namespace alkaid::heap {

ALKAID_EXPORT extern constinit std::atomic<bool> clock_stands;
// The time at which the clock was stopped.
ALKAID_EXPORT uint64_t StandingNanoseconds(clockid_t clock);

inline uint64_t NanosecondsOf(clockid_t clock) {
  if (clock_stands.load(std::memory_order_acquire)) [[unlikely]]
    return StandingNanoseconds(clock);
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}
inline uint64_t MonotonicNanoseconds() { return NanosecondsOf(CLOCK_MONOTONIC); }

}  // namespace alkaid::heap
