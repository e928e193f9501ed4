// Bits packed into bytes: bit i is in byte i / 8, at place i % 8, least significant first, as in
// Arrow's bitmaps.
//
// Threads: pure functions over the caller's bytes; two threads must not write bits of one byte.
// Allocates nothing. Nothing is checked: the caller answers for the bytes being there. Offsets and
// lengths are in bits, never negative.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::bit_util {

// Without overflow for any `bits`.
constexpr int64_t BytesForBits(int64_t bits) { return (bits >> 3) + ((bits & 7) != 0); }

inline bool GetBit(const uint8_t* bits, int64_t i) { return (bits[i >> 3] >> (i & 7)) & 1; }
inline void SetBit(uint8_t* bits, int64_t i) {
  bits[i >> 3] = static_cast<uint8_t>(bits[i >> 3] | (1u << (i & 7)));
}
inline void ClearBit(uint8_t* bits, int64_t i) {
  bits[i >> 3] = static_cast<uint8_t>(bits[i >> 3] & ~(1u << (i & 7)));
}
// Without a branch on `value`, which is often random.
inline void SetBitTo(uint8_t* bits, int64_t i, bool value) {
  const unsigned place = i & 7;
  bits[i >> 3] = static_cast<uint8_t>((bits[i >> 3] & ~(1u << place)) | (unsigned{value} << place));
}

// Sets `length` bits from `offset` on; the bits around them stay.
ALKAID_EXPORT void SetBitsTo(uint8_t* bits, int64_t offset, int64_t length, bool value);

// How many of `length` bits from `offset` on are set.
ALKAID_EXPORT int64_t CountSetBits(const uint8_t* bits, int64_t offset, int64_t length);

// Copies `length` bits; those of `out` around them stay. The ranges must not overlap.
ALKAID_EXPORT void CopyBitmap(const uint8_t* bits, int64_t offset, int64_t length, uint8_t* out,
                              int64_t out_offset);

}  // namespace alkaid::bit_util
