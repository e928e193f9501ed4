#include "alkaid/base/checked_math.h"

#include <gtest/gtest.h>

#include <limits>

namespace alkaid {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(CheckedMath, SumsAndProductsThatFitAreExact) {
  int64_t out = 0;
  EXPECT_FALSE(AddOverflow(kMax - 1, 1, &out));
  EXPECT_EQ(out, kMax);
  EXPECT_FALSE(MultiplyOverflow(int64_t{1} << 31, int64_t{1} << 31, &out));
  EXPECT_EQ(out, int64_t{1} << 62);
}

TEST(CheckedMath, SumsAndProductsThatDoNotFitSaySo) {
  int64_t out = 0;
  EXPECT_TRUE(AddOverflow(kMax, 1, &out));
  EXPECT_TRUE(MultiplyOverflow((int64_t{1} << 61) + 1, 8, &out));
}

TEST(CheckedMath, RoundingUpKeepsMultiplesAndSaysWhenItPassesTheMaximum) {
  int64_t out = 0;
  EXPECT_FALSE(RoundUpOverflow(0, 64, &out));
  EXPECT_EQ(out, 0);
  EXPECT_FALSE(RoundUpOverflow(64, 64, &out));
  EXPECT_EQ(out, 64);
  EXPECT_FALSE(RoundUpOverflow(65, 64, &out));
  EXPECT_EQ(out, 128);
  EXPECT_FALSE(RoundUpOverflow(kMax - 63, 64, &out));
  EXPECT_EQ(out, kMax - 63);
  EXPECT_TRUE(RoundUpOverflow(kMax - 62, 64, &out));
  EXPECT_EQ(RoundUpToMultipleOf64(1), 64);
}

TEST(CheckedMath, PowersOfTwoArePositive) {
  EXPECT_TRUE(IsPowerOfTwo(1));
  EXPECT_TRUE(IsPowerOfTwo(int64_t{1} << 62));
  EXPECT_FALSE(IsPowerOfTwo(0));
  EXPECT_FALSE(IsPowerOfTwo(3));
  EXPECT_FALSE(IsPowerOfTwo(-2));
  EXPECT_FALSE(IsPowerOfTwo(std::numeric_limits<int64_t>::min()));
}

}  // namespace
}  // namespace alkaid
