#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <vector>

#include "alkaid/core/pools/guard_bytes_internal.h"

namespace alkaid::internal {
namespace {

TEST(GuardBytes, EachOverwrittenByteIsFoundWhereverItLies) {
  std::vector<uint8_t> bytes(300);
  for (size_t begin : {0, 1, 63, 64}) {
    uint8_t* const first = bytes.data() + begin;
    const uint8_t* const end = bytes.data() + bytes.size() - begin;
    PlantGuard(first, end);
    EXPECT_FALSE(CheckGuard(first, end));
    for (uint8_t* at = first; at < end; ++at) {
      const uint8_t before = *at;
      *at = 0;
      const BrokenGuard broken = CheckGuard(first, end);
      EXPECT_EQ(broken.first, at);
      EXPECT_EQ(broken.last, at);
      *at = before;
    }
  }
}

TEST(GuardBytes, TheFirstAndTheLastOfSeveralAreNamed) {
  std::vector<uint8_t> bytes(300);
  PlantGuard(bytes.data(), bytes.data() + bytes.size());
  bytes[7] = bytes[100] = bytes[299] = 0;
  const BrokenGuard broken = CheckGuard(bytes.data(), bytes.data() + bytes.size());
  EXPECT_EQ(broken.first, &bytes[7]);
  EXPECT_EQ(broken.last, &bytes[299]);
}

TEST(GuardBytes, NothingIsWrittenOutside) {
  std::vector<uint8_t> bytes(200, 5);
  PlantGuard(&bytes[10], &bytes[190]);
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(bytes[i], 5);
    EXPECT_EQ(bytes[190 + i], 5);
  }
  EXPECT_FALSE(CheckGuard(&bytes[10], &bytes[10]));
}

TEST(GuardBytes, ARunOfEqualBytesIsSeenFromItsSecondByteOn) {
  std::vector<uint8_t> bytes(64);
  for (int value = 0; value < 256; ++value) {
    for (size_t at = 0; at + 2 <= bytes.size(); ++at) {
      PlantGuard(bytes.data(), bytes.data() + bytes.size());
      std::memset(&bytes[at], value, 2);
      EXPECT_TRUE(CheckGuard(bytes.data(), bytes.data() + bytes.size()));
    }
  }
}

TEST(GuardBytes, NoValueIsZeroTextOrASmallNumber) {
  std::vector<uint8_t> bytes(64);
  PlantGuard(bytes.data(), bytes.data() + bytes.size());
  const std::set<uint8_t> values(bytes.begin(), bytes.end());
  EXPECT_EQ(values.size(), 64u);
  EXPECT_GE(*values.begin(), 0x80);
  EXPECT_LE(*values.rbegin(), 0xbf);
}

}  // namespace
}  // namespace alkaid::internal
