// Bits packed into bytes, as in Arrow's bitmaps: bit i is in byte i / 8, at place i % 8, least
// significant first.
//
// Threads: pure functions over the caller's bytes; two threads must not write bits of one byte.
// Allocates nothing. Checks nothing: the caller guarantees that the bytes exist. Offsets and
// lengths are in bits, never negative. Whole bitmaps: bitmap_operations.h.
#pragma once

#include <bit>
#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::bit_util {

// Without overflow for any `bits`.
constexpr int64_t BytesForBits(int64_t bits) { return (bits >> 3) + ((bits & 7) != 0); }

// The smallest whole number of `divisor` > 0 that holds `value` >= 0. Without overflow.
constexpr int64_t CeilDiv(int64_t value, int64_t divisor) {
  return value == 0 ? 0 : (value - 1) / divisor + 1;
}
// `value` >= 0, rounded to a multiple of `factor` > 0. The result must fit an int64.
constexpr int64_t RoundUp(int64_t value, int64_t factor) { return CeilDiv(value, factor) * factor; }
constexpr int64_t RoundDown(int64_t value, int64_t factor) { return value / factor * factor; }
// The same for a factor that is a power of two.
constexpr int64_t RoundUpToPowerOf2(int64_t value, int64_t factor) {
  return (value + (factor - 1)) & ~(factor - 1);
}
constexpr uint64_t RoundUpToPowerOf2(uint64_t value, uint64_t factor) {
  return (value + (factor - 1)) & ~(factor - 1);
}
constexpr int64_t RoundUpToMultipleOf8(int64_t value) { return RoundUpToPowerOf2(value, 8); }
constexpr int64_t RoundUpToMultipleOf64(int64_t value) { return RoundUpToPowerOf2(value, 64); }
constexpr bool IsMultipleOf8(int64_t value) { return (value & 7) == 0; }
constexpr bool IsMultipleOf64(int64_t value) { return (value & 63) == 0; }
constexpr bool IsPowerOf2(int64_t value) { return value > 0 && (value & (value - 1)) == 0; }
constexpr bool IsPowerOf2(uint64_t value) { return std::has_single_bit(value); }
// The smallest power of two that is at least `value`; `value` from 1 to 2^62.
constexpr int64_t NextPower2(int64_t value) {
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(value)));
}
// Base 2, rounded up: 0 for 1, 3 for 5.
constexpr int Log2(uint64_t value) { return static_cast<int>(std::bit_width(value - 1)); }
// How many bytes hold the `length` bits from `offset` on.
constexpr int64_t CoveringBytes(int64_t offset, int64_t length) {
  return BytesForBits((offset & 7) + length);
}
// The lowest `num_bits` of `value`; all of them at 64.
constexpr uint64_t TrailingBits(uint64_t value, int num_bits) {
  return num_bits >= 64 ? value : value & ((uint64_t{1} << num_bits) - 1);
}
constexpr int PopCount(uint64_t value) { return std::popcount(value); }

// By place in a byte: the bit itself, all other bits, the bits before it, and it with all bits
// after it.
inline constexpr uint8_t kBitmask[] = {1, 2, 4, 8, 16, 32, 64, 128};
inline constexpr uint8_t kFlippedBitmask[] = {254, 253, 251, 247, 239, 223, 191, 127};
inline constexpr uint8_t kPrecedingBitmask[] = {0, 1, 3, 7, 15, 31, 63, 127};
inline constexpr uint8_t kTrailingBitmask[] = {255, 254, 252, 248, 240, 224, 192, 128};

constexpr bool GetBitFromByte(uint8_t byte, uint8_t i) { return (byte & kBitmask[i]) != 0; }
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
inline void SetBitmap(uint8_t* bits, int64_t offset, int64_t length) {
  SetBitsTo(bits, offset, length, true);
}
inline void ClearBitmap(uint8_t* bits, int64_t offset, int64_t length) {
  SetBitsTo(bits, offset, length, false);
}

// How many of the `length` bits from `offset` on are set.
ALKAID_EXPORT int64_t CountSetBits(const uint8_t* bits, int64_t offset, int64_t length);

// Copies `length` bits; the bits of `out` around them stay. The ranges must not overlap.
ALKAID_EXPORT void CopyBitmap(const uint8_t* bits, int64_t offset, int64_t length, uint8_t* out,
                              int64_t out_offset);

}  // namespace alkaid::bit_util
