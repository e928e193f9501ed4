#include "tools/support/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alkaid::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Progress, TheLineSaysHowFarHowFastAndHowLong) {
  const std::string line = ProgressLine("reading run", 25'000'000, 100'000'000, 2.5);
  EXPECT_THAT(line, AllOf(HasSubstr("reading run"), HasSubstr("[######------------------]"),
                          HasSubstr("25%"), HasSubstr("10.0 MB/s"), HasSubstr("0:08 left")));
}

TEST(Progress, TheLineStandsWhatItIsNotMadeFor) {
  EXPECT_THAT(ProgressLine("x", 0, 0, 0), HasSubstr("0%"));
  EXPECT_THAT(ProgressLine("x", 200, 100, 1), AllOf(HasSubstr("100%"), HasSubstr("0:00 left")));
}

TEST(Progress, WithoutATotalTheLineSaysHowMuchAndHowFast) {
  EXPECT_EQ(ProgressLine("reading stdin", 25'000'000, -1, 2.5), "reading stdin 25.0 MB, 10.0 MB/s");
}

TEST(Progress, SaysNothingWhereStderrIsNoTerminal) {
  ::testing::internal::CaptureStderr();
  {
    Progress progress("quiet", 100);
    for (int i = 0; i < 100; ++i) progress.Advance(1);
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace alkaid::tools
