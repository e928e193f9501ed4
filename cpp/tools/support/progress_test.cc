#include "tools/support/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/support/display_width.h"

namespace alkaid::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Progress, TheLineSaysHowFarHowFastAndHowLong) {
  const std::string line = ProgressLine("reading run", 25'000'000, 100'000'000, 2.5, 100);
  EXPECT_THAT(line, AllOf(HasSubstr("reading run"), HasSubstr("[######------------------]"),
                          HasSubstr("25%"), HasSubstr("10.0 MB/s"), HasSubstr("0:08 left")));
}

TEST(Progress, TheLineStandsWhatItIsNotMadeFor) {
  EXPECT_THAT(ProgressLine("x", 0, 0, 0, 80), HasSubstr("0%"));
  EXPECT_THAT(ProgressLine("x", 200, 100, 1, 80), AllOf(HasSubstr("100%"), HasSubstr("0:00 left")));
}

TEST(Progress, WithoutATotalTheLineSaysHowMuchAndHowFast) {
  EXPECT_EQ(ProgressLine("reading stdin", 25'000'000, -1, 2.5, 80),
            "reading stdin 25.0 MB, 10.0 MB/s");
}

TEST(Progress, TheLineFitsTheTerminal) {
  const std::string path = "reading /data/experiment/xtc/experiment-r0012-s000-c000.xtc2";
  const std::string line = ProgressLine(path, 25'000'000, 100'000'000, 2.5, 79);
  EXPECT_LE(line.size(), 79U);
  EXPECT_THAT(line, AllOf(HasSubstr("reading"), HasSubstr("...")));
  EXPECT_THAT(line, AllOf(HasSubstr("c000.xtc2 [######"), HasSubstr("0:08 left")));
  // There is no room for the bar.
  const std::string narrow = ProgressLine(path, 25'000'000, 100'000'000, 2.5, 50);
  EXPECT_THAT(narrow, AllOf(HasSubstr("c000.xtc2  25%"), HasSubstr("0:08 left")));
  for (size_t columns = 0; columns < 140; ++columns) {
    EXPECT_LE(ProgressLine(path, 1, 2, 3, columns).size(), columns);
    EXPECT_LE(ProgressLine(path, 1, -1, 3, columns).size(), columns);
    // Each letter takes two columns.
    EXPECT_LE(DisplayWidth(ProgressLine("読む /試料/試料/試料/試料.xtc2", 1, 2, 3, columns)),
              columns);
  }
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
