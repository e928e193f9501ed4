#include "alkaid/core/buffers/bitmap_bits.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

namespace alkaid::bit_util {
namespace {

std::vector<uint8_t> RandomBytes(size_t count) {
  std::mt19937 random(42);
  std::vector<uint8_t> bytes(count);
  for (auto& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

TEST(BitmapBits, BytesForBitsRoundsUpAndNeverOverflows) {
  EXPECT_EQ(BytesForBits(0), 0);
  EXPECT_EQ(BytesForBits(1), 1);
  EXPECT_EQ(BytesForBits(8), 1);
  EXPECT_EQ(BytesForBits(9), 2);
  EXPECT_EQ(BytesForBits(INT64_MAX), int64_t{1} << 60);
}

TEST(BitmapBits, SingleBitsAreLeastSignificantFirst) {
  uint8_t bits[2] = {};
  SetBit(bits, 1);
  SetBit(bits, 15);
  EXPECT_EQ(bits[0], 0x02);
  EXPECT_EQ(bits[1], 0x80);
  EXPECT_TRUE(GetBit(bits, 1));
  EXPECT_FALSE(GetBit(bits, 0));
  ClearBit(bits, 1);
  SetBitTo(bits, 3, true);
  SetBitTo(bits, 15, false);
  EXPECT_EQ(bits[0], 0x08);
  EXPECT_EQ(bits[1], 0x00);
}

TEST(BitmapBits, SettingARangeLeavesTheBitsAroundIt) {
  for (const bool value : {false, true}) {
    for (int64_t offset = 0; offset < 20; ++offset) {
      for (int64_t length = 0; length < 60; ++length) {
        std::vector<uint8_t> bits = RandomBytes(12);
        const std::vector<uint8_t> before = bits;
        SetBitsTo(bits.data(), offset, length, value);
        for (int64_t i = 0; i < 96; ++i) {
          const bool inside = i >= offset && i < offset + length;
          ASSERT_EQ(GetBit(bits.data(), i), inside ? value : GetBit(before.data(), i))
              << offset << " " << length << " " << i;
        }
      }
    }
  }
}

TEST(BitmapBits, CountsTheSetBitsOfAnyRange) {
  const std::vector<uint8_t> bits = RandomBytes(40);
  for (int64_t offset = 0; offset < 20; ++offset) {
    int64_t expected = 0;
    for (int64_t length = 0; offset + length < 320; ++length) {
      ASSERT_EQ(CountSetBits(bits.data(), offset, length), expected) << offset << " " << length;
      expected += GetBit(bits.data(), offset + length);
    }
  }
}

TEST(BitmapBits, CopiesAnyRangeToAnyPlaceAndNothingElse) {
  for (int64_t offset = 0; offset < 10; ++offset) {
    for (int64_t out_offset = 0; out_offset < 10; ++out_offset) {
      for (int64_t length = 0; length < 70; length += 3) {
        // Exactly as many bytes as the range needs: reading past them would be seen by a sanitizer.
        const std::vector<uint8_t> bits =
            RandomBytes(static_cast<size_t>(BytesForBits(offset + length)));
        std::vector<uint8_t> out(static_cast<size_t>(BytesForBits(out_offset + length)), 0x5a);
        const std::vector<uint8_t> before = out;
        CopyBitmap(bits.data(), offset, length, out.data(), out_offset);
        for (int64_t i = 0; i < static_cast<int64_t>(out.size()) * 8; ++i) {
          const bool inside = i >= out_offset && i < out_offset + length;
          ASSERT_EQ(GetBit(out.data(), i), inside ? GetBit(bits.data(), i - out_offset + offset)
                                                  : GetBit(before.data(), i))
              << offset << " " << out_offset << " " << length << " " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace alkaid::bit_util
