// The clock of the tables.
#pragma once

#include <time.h>

#include <cstdint>

namespace alkaid::heap {

inline uint64_t NanosecondsOf(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}
inline uint64_t MonotonicNanoseconds() { return NanosecondsOf(CLOCK_MONOTONIC); }

}  // namespace alkaid::heap
