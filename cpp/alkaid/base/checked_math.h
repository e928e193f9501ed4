// Arithmetic on sizes that reports overflow instead of wrapping.
//
// Sizes in this library are int64_t, never negative. A function named ...Overflow returns true when
// the exact result does not fit; `*out` is then unspecified. Threads: pure functions. Allocates
// nothing.
#pragma once

#include <cstdint>
#include <limits>

namespace alkaid {

[[nodiscard]] inline bool AddOverflow(int64_t a, int64_t b, int64_t* out) {
  return __builtin_add_overflow(a, b, out);
}
[[nodiscard]] inline bool MultiplyOverflow(int64_t a, int64_t b, int64_t* out) {
  return __builtin_mul_overflow(a, b, out);
}

constexpr bool IsPowerOfTwo(int64_t value) { return value > 0 && (value & (value - 1)) == 0; }

// Rounds `value` (>= 0) up to a multiple of `factor` (a power of two); overflow when that passes
// INT64_MAX.
[[nodiscard]] inline bool RoundUpOverflow(int64_t value, int64_t factor, int64_t* out) {
  if (__builtin_add_overflow(value, factor - 1, out)) return true;
  *out &= ~(factor - 1);
  return false;
}

// For values known to be far from the limit; used on sizes that an allocation has already granted.
constexpr int64_t RoundUpToMultipleOf64(int64_t value) { return (value + 63) & ~int64_t{63}; }

}  // namespace alkaid
