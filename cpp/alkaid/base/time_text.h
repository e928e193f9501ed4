// Durations and times as people read them.
//
// Ownership: none. Threads: any. Out of memory: std::bad_alloc.
#pragma once

#include <cstdint>
#include <string>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// In one unit below a minute and in two from then on: "45 ms", "3.2 s", "2 h 13 min", "2 d 7 h".
ALKAID_EXPORT std::string DurationText(uint64_t nanoseconds);

// In one unit, hours at most; with one decimal digit from a second on: "250 ms", "2.2 min", "55.6
// h".
ALKAID_EXPORT std::string AgeText(uint64_t nanoseconds);

// An estimate in one unit; in whole numbers from two minutes on: "0.25 s", "4 min", "3 days".
ALKAID_EXPORT std::string RoughDurationText(double seconds);

// "2026-11-21 12:09:31 UTC".
ALKAID_EXPORT std::string TimeText(uint64_t unix_nanoseconds);

}  // namespace alkaid::internal
