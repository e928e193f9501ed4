#include "alkaid/base/time_text.h"

#include <gtest/gtest.h>

namespace alkaid::internal {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

TEST(DurationText, SaysDurationsInTheUnitThatFits) {
  EXPECT_EQ(DurationText(5), "5 ns");
  EXPECT_EQ(DurationText(5'000), "5 us");
  EXPECT_EQ(DurationText(45'000'000), "45 ms");
  EXPECT_EQ(DurationText(3 * kSecond + 200'000'000), "3.2 s");
  EXPECT_EQ(DurationText(61 * kSecond), "1 min 01 s");
  EXPECT_EQ(DurationText(7980 * kSecond), "2 h 13 min");
  EXPECT_EQ(DurationText(200'000 * kSecond), "2 d 7 h");
}

TEST(DurationText, ChangesItsUnitJustThere) {
  EXPECT_EQ(DurationText(0), "0 ns");
  EXPECT_EQ(DurationText(999), "999 ns");
  EXPECT_EQ(DurationText(1'000), "1 us");
  EXPECT_EQ(DurationText(999'999'999), "1000 ms");
  EXPECT_EQ(DurationText(kSecond), "1.0 s");
  EXPECT_EQ(DurationText(60 * kSecond - 1), "60.0 s");
  EXPECT_EQ(DurationText(60 * kSecond), "1 min 00 s");
  EXPECT_EQ(DurationText(3600 * kSecond - 1), "59 min 59 s");
  EXPECT_EQ(DurationText(3600 * kSecond), "1 h 00 min");
  EXPECT_EQ(DurationText(86'400 * kSecond - 1), "23 h 59 min");
  EXPECT_EQ(DurationText(86'400 * kSecond), "1 d 0 h");
  EXPECT_EQ(DurationText(UINT64_MAX), "213503 d 23 h");
}

TEST(AgeText, SaysAgesInOneUnitUpToHours) {
  EXPECT_EQ(AgeText(0), "0 ms");
  EXPECT_EQ(AgeText(400'000), "0 ms");
  EXPECT_EQ(AgeText(250'000'000), "250 ms");
  EXPECT_EQ(AgeText(999'999'999), "1000 ms");
  EXPECT_EQ(AgeText(kSecond), "1.0 s");
  EXPECT_EQ(AgeText(60 * kSecond), "1.0 min");
  EXPECT_EQ(AgeText(133 * kSecond), "2.2 min");
  EXPECT_EQ(AgeText(3600 * kSecond), "1.0 h");
  EXPECT_EQ(AgeText(200'000 * kSecond), "55.6 h");
  EXPECT_EQ(AgeText(UINT64_MAX), "5124095.6 h");
}

TEST(RoughDurationText, SaysEstimatesInOneUnitUpToDays) {
  EXPECT_EQ(RoughDurationText(0), "0 s");
  EXPECT_EQ(RoughDurationText(0.25), "0.25 s");
  EXPECT_EQ(RoughDurationText(119), "119 s");
  EXPECT_EQ(RoughDurationText(119.9), "120 s");
  EXPECT_EQ(RoughDurationText(120), "2 min");
  EXPECT_EQ(RoughDurationText(7199), "120 min");
  EXPECT_EQ(RoughDurationText(7200), "2 h");
  EXPECT_EQ(RoughDurationText(172'799), "48 h");
  EXPECT_EQ(RoughDurationText(172'800), "2 days");
  EXPECT_EQ(RoughDurationText(1e12), "11574074 days");
}

TEST(RoughDurationText, SaysNegativeOnesInSeconds) {
  EXPECT_EQ(RoughDurationText(-0.5), "-0.5 s");
  EXPECT_EQ(RoughDurationText(-1e9), "-1e+09 s");
}

TEST(TimeText, SaysTimesInUtc) {
  EXPECT_EQ(TimeText(0), "1970-01-01 00:00:00 UTC");
  EXPECT_EQ(TimeText(1'700'000'060 * kSecond), "2023-11-14 22:14:20 UTC");
  EXPECT_EQ(TimeText(1'700'000'061 * kSecond - 1), "2023-11-14 22:14:20 UTC");
  EXPECT_EQ(TimeText(UINT64_MAX), "2554-07-21 23:34:33 UTC");
}

}  // namespace
}  // namespace alkaid::internal
