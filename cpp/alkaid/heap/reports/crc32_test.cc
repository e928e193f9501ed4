#include <gtest/gtest.h>

#include <string>

#include "alkaid/heap/reports/crc32_internal.h"

namespace alkaid::heap {
namespace {

// The values are zlib's.
TEST(Crc32, IsTheChecksumOfZlib) {
  EXPECT_EQ(Crc32("", 0), 0U);
  EXPECT_EQ(Crc32("123456789", 9), 0xCBF43926U);
  EXPECT_EQ(Crc32("The quick brown fox jumps over the lazy dog", 43), 0x414FA339U);
}

TEST(Crc32, OfPartsIsThatOfTheWholeWhereverItIsCut) {
  const std::string text = "The quick brown fox jumps over the lazy dog";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    const uint32_t first = Crc32(text.data(), cut);
    EXPECT_EQ(Crc32(text.data() + cut, text.size() - cut, first), 0x414FA339U) << cut;
  }
}

}  // namespace
}  // namespace alkaid::heap
