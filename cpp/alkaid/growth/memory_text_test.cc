#include "alkaid/growth/memory_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace alkaid::growth {
namespace {

TEST(MemoryText, HasAsManyDigitsAsTellSomething) {
  EXPECT_EQ(MbText(21316.36), "21,316.4 MB");
  EXPECT_EQ(MbText(3.6249), "3.62 MB");
  EXPECT_EQ(MbText(0.1416), "0.142 MB");
  EXPECT_EQ(MbText(-0.00412), "-0.0041 MB");
  EXPECT_EQ(MbText(12345678.9), "12,345,678.9 MB");
}

TEST(MemoryText, SignsWhatGrowsAndNothingElse) {
  EXPECT_EQ(SignedMbText(3.62), "+3.62 MB");
  EXPECT_EQ(SignedMbText(-3.62), "-3.62 MB");
  EXPECT_EQ(SignedMbText(0), "0 MB");
  EXPECT_EQ(SignedMbText(-1e-9), "0 MB");
  EXPECT_EQ(SignedMbText(1e-9), "0 MB");
}

TEST(MemoryText, SurvivesWhatIsNoAmount) {
  EXPECT_EQ(MbText(std::nan("")), "unknown");
  EXPECT_EQ(SignedMbText(std::nan("")), "unknown");
  EXPECT_EQ(MbText(std::numeric_limits<double>::infinity()), "inf MB");
  EXPECT_EQ(MbText(-1.5e300), "-1.5e+300 MB");
}

}  // namespace
}  // namespace alkaid::growth
