#include "alkaid/base/number_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace alkaid::internal {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Format, WritesWhatPrintfWrites) {
  EXPECT_EQ(Format("%d of %s", -5, "them"), "-5 of them");
  EXPECT_EQ(Format("%%"), "%");
  EXPECT_EQ(Format("%s", ""), "");
}

TEST(Format, CutsNothing) {
  for (const size_t size : {255u, 256u, 257u, 100'000u}) {
    const std::string text(size, 'x');
    EXPECT_EQ(Format("%s", text.c_str()), text);
    EXPECT_EQ(Format("%s, %d", text.c_str(), 7), text + ", 7");
  }
  EXPECT_EQ(Format("%.3f", std::numeric_limits<double>::max()).size(), 313u);
}

TEST(Grouped, GroupsDigits) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1000), "1,000");
  EXPECT_EQ(Grouped(24'280'536), "24,280,536");
  EXPECT_EQ(Grouped(-999), "-999");
  EXPECT_EQ(Grouped(-1000), "-1,000");
  EXPECT_EQ(Grouped(-1'452'176), "-1,452,176");
  EXPECT_EQ(Grouped(INT64_MIN), "-9,223,372,036,854,775,808");
  EXPECT_EQ(Grouped(INT64_MAX), "9,223,372,036,854,775,807");
}

TEST(Grouped, SignsWhatIsNotNegative) {
  EXPECT_EQ(SignedGrouped(1'452'176), "+1,452,176");
  EXPECT_EQ(SignedGrouped(-44), "-44");
  EXPECT_EQ(SignedGrouped(0), "+0");
  EXPECT_EQ(SignedGrouped(INT64_MIN), "-9,223,372,036,854,775,808");
  EXPECT_EQ(SignedGrouped(INT64_MAX), "+9,223,372,036,854,775,807");
}

TEST(GroupDigits, GroupsWholeDigitsOnly) {
  EXPECT_EQ(GroupDigits("1234567.8912"), "1,234,567.8912");
  EXPECT_EQ(GroupDigits("-123456"), "-123,456");
  EXPECT_EQ(GroupDigits("999"), "999");
  EXPECT_EQ(GroupDigits("inf"), "inf");
  EXPECT_EQ(GroupDigits(""), "");
}

TEST(Hex, WritesNoLeadingZeros) {
  EXPECT_EQ(Hex(0), "0x0");
  EXPECT_EQ(Hex(0x7f5c3a20), "0x7f5c3a20");
  EXPECT_EQ(Hex(UINT64_MAX), "0xffffffffffffffff");
}

TEST(CountText, HasOneThingAndManyThings) {
  EXPECT_EQ(CountText(0, "fault"), "0 faults");
  EXPECT_EQ(CountText(1, "fault"), "1 fault");
  EXPECT_EQ(CountText(2, "further root"), "2 further roots");
  EXPECT_EQ(CountText(1'234'567, "byte"), "1234567 bytes");
  EXPECT_EQ(CountText(-1, "byte"), "-1 bytes");
  EXPECT_EQ(CountText(INT64_MIN, "byte"), "-9223372036854775808 bytes");
  EXPECT_EQ(CountText(INT64_MAX, "byte"), "9223372036854775807 bytes");
  EXPECT_EQ(CountText(2, std::string(1000, 'x')), "2 " + std::string(1000, 'x') + "s");
}

TEST(BytesText, UsesTheLargestUnitOfWhichThereIsOne) {
  EXPECT_EQ(BytesText(0), "0 bytes");
  EXPECT_EQ(BytesText(1), "1 byte");
  EXPECT_EQ(BytesText(1023), "1023 bytes");
  EXPECT_EQ(BytesText(1024), "1.0 KiB");
  EXPECT_EQ(BytesText(64 << 20), "64.0 MiB");
  EXPECT_EQ(BytesText(INT64_MAX), "8.0 EiB");
}

TEST(BytesText, RoundsIntoTheNextUnit) {
  EXPECT_EQ(BytesText((1 << 20) - 100), "1023.9 KiB");
  EXPECT_EQ(BytesText((1 << 20) - 1), "1.0 MiB");
}

TEST(BytesText, LeavesWhatIsNegativeInBytes) {
  EXPECT_EQ(BytesText(-1), "-1 bytes");
  EXPECT_EQ(BytesText(-4096), "-4096 bytes");
  EXPECT_EQ(BytesText(INT64_MIN), "-9223372036854775808 bytes");
}

TEST(PercentText, HasOneDigitBehindThePointOrTwoThatTellSomething) {
  EXPECT_EQ(PercentText(0), "0.0 %");
  EXPECT_EQ(PercentText(0.467), "46.7 %");
  EXPECT_EQ(PercentText(1), "100.0 %");
  EXPECT_EQ(PercentText(0.001), "0.1 %");
  EXPECT_EQ(PercentText(0.000333), "0.033 %");
  EXPECT_EQ(PercentText(1e-9), "1e-07 %");
  EXPECT_EQ(PercentText(-0.0005), "-0.1 %");
  EXPECT_EQ(PercentText(kInfinity), "inf %");
}

TEST(WholePercentText, RoundsToWholePercents) {
  EXPECT_EQ(WholePercentText(0), "0 %");
  EXPECT_EQ(WholePercentText(0.467), "47 %");
  EXPECT_EQ(WholePercentText(-1.2), "-120 %");
  EXPECT_EQ(WholePercentText(1e306).size(), 311u);
}

TEST(WholePercentText, IsEmptyForWhatIsNotFinite) {
  EXPECT_EQ(WholePercentText(std::nan("")), "");
  EXPECT_EQ(WholePercentText(kInfinity), "");
  EXPECT_EQ(WholePercentText(std::numeric_limits<double>::max()), "");
}

}  // namespace
}  // namespace alkaid::internal
