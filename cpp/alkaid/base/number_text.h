// Numbers as people read them: in groups of digits, with a unit, as a count of things.
//
// Ownership: none. Threads: any. Out of memory: std::bad_alloc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// The text that printf would write, of any length.
[[gnu::format(printf, 1, 2)]] ALKAID_EXPORT std::string Format(const char* format, ...);

// "1,452,176", "-64".
ALKAID_EXPORT std::string Grouped(int64_t number);
// "+1,452,176", "-64", "+0".
ALKAID_EXPORT std::string SignedGrouped(int64_t number);
// Groups the digits before the decimal point of a number in text form: "1,234,567.8912".
ALKAID_EXPORT std::string GroupDigits(std::string number);

// "0x7f5c3a20".
ALKAID_EXPORT std::string Hex(uint64_t number);

// "1 fault", "2 faults"; digits are not grouped.
ALKAID_EXPORT std::string CountText(int64_t count, std::string_view what);

// "64.0 MiB", "97 bytes"; negative numbers stay in bytes.
ALKAID_EXPORT std::string BytesText(int64_t bytes);

// "46.7 %" for 0.467; below 0.1 % two significant digits: "0.033 %".
ALKAID_EXPORT std::string PercentText(double ratio);
// "47 %" for 0.467; empty if not finite.
ALKAID_EXPORT std::string WholePercentText(double ratio);

}  // namespace alkaid::internal
