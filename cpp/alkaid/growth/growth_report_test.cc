#include "alkaid/growth/growth_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "fixtures/made_profile.h"

namespace alkaid::growth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The ten events of the report that this format follows.
std::vector<MemoryStamp> TenStamps() {
  std::vector<MemoryStamp> stamps(10);
  for (size_t i = 0; i < 10; ++i) {
    const double part = static_cast<double>(i) / 9;
    stamps[i].time_s = 75'665.9 + 7.03906 * part;
    stamps[i].vm_mb = 21'317 - 17.0352 * part;
    stamps[i].rss_mb = 1745.91 + 15.764 * part;
  }
  return stamps;
}

TEST(GrowthReport, SummarisesTimeVmAndRssPerEvent) {
  EXPECT_EQ(SummaryLines(TenStamps()),
            "num_stamp 10 v0,v1 VmSize(MB) r0,r1 RSS(MB)\n"
            " t0      75665.9 t1      75672.9 dt    7.03906 dt/(num_stamp-1)   0.782118\n"
            " v0    21317.000 v1    21299.965 dv   -17.0352 dv/(num_stamp-1)   -1.89280\n"
            " r0     1745.910 r1     1761.674 dr    15.7640 dr/(num_stamp-1)    1.75156\n");
}

TEST(GrowthReport, LeavesOutOfTheSummaryWhatIsNotKnown) {
  std::vector<MemoryStamp> stamps = TenStamps();
  for (const double empty : {0.0, kUnknown}) {
    for (MemoryStamp& stamp : stamps) stamp.rss_mb = empty;
    EXPECT_THAT(SummaryLines(stamps), AllOf(HasSubstr("v0,v1 VmSize(MB)\n"), Not(HasSubstr("r0"))));
  }
  EXPECT_EQ(SummaryLines({}), "num_stamp 0 v0,v1 VmSize(MB)\n");
  EXPECT_THAT(SummaryLines(std::span(stamps).first(1)), Not(HasSubstr("num_stamp-1")));
}

TEST(GrowthReport, ShowsEachKnownAccountWithItsIntervalAndItsShare) {
  const auto stamps = fixtures::Profile(
      100, {.live = fixtures::Line(100, 3, 1000), .own_malloc = fixtures::Line(100, 1)});
  const std::string lines = FitLines(JudgeGrowth(stamps));
  EXPECT_THAT(lines,
              HasSubstr("  RSS                     +4.00       +4.00      +4.00       1,131.0"
                        "      1,455.0\n"));
  EXPECT_THAT(lines,
              HasSubstr("  live in pools           +3.00       +3.00      +3.00       1,042.0"
                        "      1,285.0  75 %\n"));
  EXPECT_THAT(lines, HasSubstr("  other malloc            +1.00"));
  EXPECT_THAT(lines, Not(HasSubstr("roots")));
}

TEST(GrowthReport, HasTheLineTheVerdictItsEvidenceAndWhatToDo) {
  const auto stamps = fixtures::Profile(100, {.live = fixtures::Line(100, 3, 1000)});
  const std::string report = GrowthReport(stamps, JudgeGrowth(stamps));
  EXPECT_THAT(report, HasSubstr("line fit:  slope       3.00    intercept      1,075.0\n"));
  EXPECT_THAT(report, HasSubstr("Least squares over 90 stamps (10 more in front are warm-up), "
                                "intervals of 99 %:\n"));
  EXPECT_THAT(report, HasSubstr("\nVerdict: leak\n  RSS grows by 3.00 MB per event, between +3.00 "
                                "and +3.00: 267.0 MB in all.\n"));
  EXPECT_THAT(report, HasSubstr("\nNext: two heap files, some events apart"));
  EXPECT_THAT(report, Not(HasSubstr("\nRun: ")));
}

TEST(GrowthReport, SaysHowTheRunEndedAndAdvisesItsCommand) {
  const auto stamps = fixtures::Profile(100, {.live = fixtures::Line(100, 3, 1000)});
  const LeakProfileRun run = {
      .end = LeakProfileRun::End::kWithoutWord, .process = 4711, .command = "./reader run7"};
  EXPECT_THAT(
      GrowthReport(stamps, JudgeGrowth(stamps), run),
      AllOf(HasSubstr("\nRun: ./reader run7, process 4711: ended without a last word, as by "
                      "SIGKILL, SIGTERM, abort or _exit; its last stamp is of "),
            HasSubstr("ALKAID_HEAP_FILE=heap.%n ./reader run7\n"),
            HasSubstr("\n  kill -USR2 PID for each file.\n")));
  EXPECT_THAT(GrowthReport(stamps, JudgeGrowth(stamps), {.end = LeakProfileRun::End::kNormal}),
              Not(HasSubstr("kill -USR2")));
}

TEST(GrowthReport, IsWholeForAnyProfile) {
  std::vector<std::vector<MemoryStamp>> profiles(4);
  profiles[1].resize(1);
  profiles[2].resize(100);
  profiles[3] = fixtures::Profile(50, {.live = fixtures::Line(50, 1e300)});
  for (MemoryStamp& stamp : profiles[2]) {
    stamp.time_s = stamp.vm_mb = std::numeric_limits<double>::quiet_NaN();
  }
  for (const auto& stamps : profiles) {
    EXPECT_THAT(GrowthReport(stamps, JudgeGrowth(stamps)), HasSubstr("\nVerdict: "));
  }
}

}  // namespace
}  // namespace alkaid::growth
