#include "alkaid/core/buffers/bitmap_bits.h"

#include <bit>
#include <cstring>

namespace alkaid::bit_util {

void SetBitsTo(uint8_t* bits, int64_t offset, int64_t length, bool value) {
  int64_t i = offset;
  const int64_t end = offset + length;
  for (; i < end && (i & 7) != 0; ++i) SetBitTo(bits, i, value);
  const int64_t whole = (end - i) >> 3;
  if (whole > 0) {
    std::memset(bits + (i >> 3), value ? 0xff : 0, static_cast<size_t>(whole));
    i += whole << 3;
  }
  for (; i < end; ++i) SetBitTo(bits, i, value);
}

int64_t CountSetBits(const uint8_t* bits, int64_t offset, int64_t length) {
  if (length <= 0) return 0;
  const int64_t end = offset + length;
  int64_t count = 0;
  int64_t byte = offset >> 3;
  const int64_t last = (end - 1) >> 3;
  // Takes the bits before the range off again, and those past its end in the last byte.
  if ((offset & 7) != 0) count -= std::popcount(bits[byte] & ((1u << (offset & 7)) - 1));
  if ((end & 7) != 0) count -= std::popcount(static_cast<unsigned>(bits[last] >> (end & 7)));
  for (; last - byte >= 7; byte += 8) {
    uint64_t word;
    std::memcpy(&word, bits + byte, sizeof(word));
    count += std::popcount(word);
  }
  for (; byte <= last; ++byte) count += std::popcount(static_cast<unsigned>(bits[byte]));
  return count;
}

void CopyBitmap(const uint8_t* bits, int64_t offset, int64_t length, uint8_t* out,
                int64_t out_offset) {
  int64_t i = 0;
  for (; i < length && ((out_offset + i) & 7) != 0; ++i) {
    SetBitTo(out, out_offset + i, GetBit(bits, offset + i));
  }
  // `out` is at the start of a byte now.
  const int64_t whole = (length - i) >> 3;
  const uint8_t* from = bits + ((offset + i) >> 3);
  uint8_t* to = out + ((out_offset + i) >> 3);
  const unsigned shift = (offset + i) & 7;
  if (shift == 0) {
    if (whole > 0) std::memcpy(to, from, static_cast<size_t>(whole));
  } else {
    for (int64_t b = 0; b < whole; ++b) {
      to[b] = static_cast<uint8_t>((from[b] >> shift) | (from[b + 1] << (8 - shift)));
    }
  }
  i += whole << 3;
  for (; i < length; ++i) SetBitTo(out, out_offset + i, GetBit(bits, offset + i));
}

}  // namespace alkaid::bit_util
