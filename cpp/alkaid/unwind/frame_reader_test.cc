#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "alkaid/unwind/frame_reader_internal.h"

namespace alkaid::unwind {
namespace {

FrameReader Over(const std::vector<uint8_t>& bytes) {
  return {bytes.data(), bytes.data() + bytes.size()};
}

TEST(FrameReader, ReadsNumbersOfVariableLengthOfEitherSign) {
  const std::vector<uint8_t> bytes = {0x7f, 0x80, 0x01, 0xe5, 0x8e, 0x26, 0x7f, 0x80, 0x7f, 0x3f};
  FrameReader reader = Over(bytes);
  EXPECT_EQ(reader.Unsigned(), 127u);
  EXPECT_EQ(reader.Unsigned(), 128u);
  EXPECT_EQ(reader.Unsigned(), 624485u);
  EXPECT_EQ(reader.Signed(), -1);
  EXPECT_EQ(reader.Signed(), -128);
  EXPECT_EQ(reader.Signed(), 63);
  EXPECT_TRUE(reader.ok);
  EXPECT_EQ(reader.at, reader.end);
}

TEST(FrameReader, ALongerNumberThanAWordEndsWhereItEnds) {
  const std::vector<uint8_t> bytes(20, 0x80);
  FrameReader reader = Over(bytes);
  reader.Unsigned();
  EXPECT_FALSE(reader.ok);
  EXPECT_EQ(reader.at, reader.end);
}

TEST(FrameReader, PointersAreAbsoluteOrRelativeToWhereTheyStand) {
  const std::vector<uint8_t> bytes = {0x10, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0xff, 0xff, 0xff};
  FrameReader reader = Over(bytes);
  EXPECT_EQ(reader.Pointer(0x00), 0x10u);
  const auto here = reinterpret_cast<uint64_t>(reader.at);
  EXPECT_EQ(reader.Pointer(0x1b), here - 16);
  EXPECT_TRUE(reader.ok);
}

TEST(FrameReader, WhatIsPastTheEndOrNotUnderstoodIsNotOk) {
  const std::vector<uint8_t> bytes = {1, 2, 3};
  FrameReader cut = Over(bytes);
  cut.Read<uint32_t>();
  EXPECT_FALSE(cut.ok);
  FrameReader skipped = Over(bytes);
  skipped.Skip(std::numeric_limits<uint64_t>::max());
  EXPECT_FALSE(skipped.ok);
  FrameReader odd = Over(bytes);
  odd.Pointer(0x4b);
  EXPECT_FALSE(odd.ok);
}

}  // namespace
}  // namespace alkaid::unwind
