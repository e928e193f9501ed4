#include "alkaid/events/packet_footer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "alkaid/testing/matchers.h"

namespace alkaid::events {
namespace {

using ::testing::HasSubstr;

std::string Words(const std::vector<uint32_t>& words) {
  return std::string(reinterpret_cast<const char*>(words.data()), words.size() * 4);
}
Result<PacketFooter> Parse(const std::string& block) {
  return PacketFooter::Parse(reinterpret_cast<const uint8_t*>(block.data()),
                             static_cast<int64_t>(block.size()), "block", 100);
}

TEST(PacketFooter, TellsTheSizesOfItsPackets) {
  const std::string block = std::string(7, 'x') + Words({4, 0, 3, 3});
  const auto footer = Parse(block);
  ASSERT_TRUE(footer.ok()) << footer.status();
  EXPECT_EQ(footer->count(), 3);
  EXPECT_EQ(footer->size(0), 4);
  EXPECT_EQ(footer->size(1), 0);
  EXPECT_EQ(footer->size(2), 3);
  EXPECT_EQ(footer->packets_nbytes(), 7);
}

TEST(PacketFooter, OfNoBytesHasNoPackets) {
  const auto footer = Parse("");
  ASSERT_TRUE(footer.ok()) << footer.status();
  EXPECT_EQ(footer->count(), 0);
  EXPECT_EQ(footer->packets_nbytes(), 0);
}

TEST(PacketFooter, ThatCountsNoPacketsIsSoundWhenNothingElseIsThere) {
  EXPECT_TRUE(Parse(Words({0})).ok());
  EXPECT_THAT(Parse("x" + Words({0})),
              StatusIs(StatusCode::kDataLoss, HasSubstr("0 packets of 0 bytes in all")));
}

TEST(PacketFooter, RefusesABlockTooSmallForAnyFooter) {
  EXPECT_THAT(Parse("abc"),
              StatusIs(StatusCode::kDataLoss, HasSubstr("byte 100: block of 3 bytes")));
}

TEST(PacketFooter, RefusesMorePacketsThanTheBlockCanList) {
  EXPECT_THAT(
      Parse(Words({0, 0, 3})),
      StatusIs(StatusCode::kDataLoss,
               HasSubstr("byte 108: footer of 3 packets takes 16 bytes, the block has 12")));
  EXPECT_THAT(Parse(Words({0, 0xffffffff})), StatusIs(StatusCode::kDataLoss));
}

TEST(PacketFooter, RefusesSizesThatDoNotFillTheBlock) {
  EXPECT_THAT(Parse("1234567" + Words({4, 4, 2})),
              StatusIs(StatusCode::kDataLoss, HasSubstr("8 bytes in all, the block has 7")));
  EXPECT_THAT(Parse("1234567" + Words({4, 2, 2})), StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(Parse("1234567" + Words({0xffffffff, 8, 2})), StatusIs(StatusCode::kDataLoss));
}

}  // namespace
}  // namespace alkaid::events
