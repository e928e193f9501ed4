#include "alkaid/dgram/xtc.h"

#include <gtest/gtest.h>

#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

const uint8_t* At(const std::string& bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

TEST(DgramHeader, ReadsEachWordOfTheTwentyFourBytes) {
  const std::string bytes = fixtures::Dgram(TransitionId::kL1Accept, "payload", 7, 0x5004);
  const DgramHeader header = DgramHeader::Read(At(bytes));
  EXPECT_EQ(header.timestamp, Timestamp(1, 7));
  EXPECT_EQ(header.env, 0x0c040003U);
  EXPECT_EQ(header.service(), TransitionId::kL1Accept);
  EXPECT_EQ(header.type(), 0);
  EXPECT_EQ(header.readout_groups(), 3);
  EXPECT_EQ(header.root.damage.value(), 0x5004);
  EXPECT_EQ(header.root.extent, 19U);
  EXPECT_EQ(header.size(), 31);
  EXPECT_EQ(DgramHeader::SizeOf(At(bytes)), 31);
  EXPECT_EQ(DgramHeader::ServiceOf(At(bytes)), TransitionId::kL1Accept);
}

TEST(DgramHeader, ReadsAtAnyAlignment) {
  for (size_t shift = 0; shift < 8; ++shift) {
    const std::string bytes =
        std::string(shift, 'x') + fixtures::Dgram(TransitionId::kEnable, "", 9);
    const DgramHeader header = DgramHeader::Read(At(bytes) + shift);
    EXPECT_EQ(header.timestamp.nanoseconds(), 9U);
    EXPECT_EQ(header.service(), TransitionId::kEnable);
  }
}

TEST(DgramHeader, TheLargestExtentDoesNotWrap) {
  const std::string bytes = fixtures::Dgram(TransitionId::kL1Accept, "", 0, 0, 0xffffffff);
  EXPECT_EQ(DgramHeader::SizeOf(At(bytes)), int64_t{0xffffffff} + 12);
}

TEST(Xtc, TheTypeIsWithoutItsVersion) {
  const std::string bytes = fixtures::Xtc(0x3002, "", 0x80000105);
  const Xtc xtc = Xtc::Read(At(bytes));
  EXPECT_EQ(xtc.type(), TypeId::kShapes);
  EXPECT_EQ(xtc.version(), 3);
  EXPECT_EQ(xtc.src, 0x80000105U);
}

TEST(Timestamp, SortsLikeTheTimeAndCountsNanosecondsAcrossSeconds) {
  EXPECT_LT(Timestamp(1, 999'999'999), Timestamp(2, 0));
  EXPECT_EQ(Timestamp(2, 0).total_nanoseconds() - Timestamp(1, 999'999'999).total_nanoseconds(),
            1U);
  EXPECT_EQ(Timestamp(3, 4).value(), (uint64_t{3} << 32) + 4);
}

TEST(NamesId, IgnoresTheLevelAndSplitsNodeAndIndex) {
  const NamesId id(0x10ABCDEF);
  EXPECT_EQ(id.key(), 0x00ABCDEFU);
  EXPECT_EQ(id.names_id(), 0xEFU);
  EXPECT_EQ(id.node_id(), 0xBCDU);
  EXPECT_EQ(NamesId(1, 5).ToString(), "0x000105");
}

TEST(Damage, NamesItsBits) {
  EXPECT_EQ(Damage().ToString(), "");
  EXPECT_EQ(Damage(0x0009).ToString(), "Truncated|Corrupted");
  EXPECT_EQ(Damage(0x3040).ToString(), "TimedOut|user:0x3");
  EXPECT_TRUE(Damage(0x0008).corrupted());
  EXPECT_FALSE(Damage(0x8000).corrupted());
}

TEST(TransitionName, EveryValueOfFourBitsHasOne) {
  EXPECT_STREQ(TransitionName(TransitionId::kClearReadout), "ClearReadout");
  EXPECT_STREQ(TransitionName(TransitionId::kL1Accept), "L1Accept");
  EXPECT_STREQ(TransitionName(static_cast<TransitionId>(15)), "Invalid_15");
}

}  // namespace
}  // namespace alkaid::dgram
