#include "alkaid/growth/leak_profile_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include "alkaid/growth/leak_profile_file.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::growth {
namespace {

using End = LeakProfileRun::End;
using ::testing::HasSubstr;

TEST(LeakProfileRun, OfACommentIsWhatTheCommentWasMadeOf) {
  for (const LeakProfileRun& run :
       {LeakProfileRun{.end = End::kNormal, .process = 4711},
        LeakProfileRun{.end = End::kSignal, .process = 1, .signal = SIGTERM, .command = "a: b"},
        LeakProfileRun{.end = End::kRunning, .process = 4294967295, .command = "./reader '' x#"}}) {
    EXPECT_EQ(ParseRunComment(RunComment(run)), run) << RunComment(run);
    EXPECT_EQ(SaysHasNotEnded(RunComment(run)), run.end == End::kRunning);
  }
}

TEST(LeakProfileRun, OfAnyOtherTextIsNotRecorded) {
  for (const char* text : {"", "process", "process 0 ended", "process -1 ended", "process 5",
                           "process 5 ends", "process 5 ended by signal x", "process 5 ended x",
                           "process 99999999999 ended", "a comment of another writer"}) {
    EXPECT_EQ(ParseRunComment(text), LeakProfileRun()) << text;
    EXPECT_EQ(RunText(ParseRunComment(text), 1), "");
  }
}

TEST(LeakProfileRun, IsToldInALine) {
  constexpr double kTime = 1'795'278'376.7;
  EXPECT_EQ(RunText({.end = End::kNormal, .process = 5, .command = "./reader"}, kTime),
            "./reader, process 5: ended normally; its last stamp is of 2026-11-21 16:26:16 UTC");
  EXPECT_EQ(RunText({.end = End::kSignal, .process = 5, .signal = SIGTERM}, kUnknown),
            "process 5: ended by SIGTERM");
  EXPECT_THAT(RunText({.end = End::kWithoutWord, .process = 5}, 0),
              HasSubstr("ended without a last word"));
  EXPECT_THAT(RunText({.end = End::kRunning, .process = 5}, kTime), HasSubstr("is still running;"));
}

TEST(LeakProfileRun, OfThisProcessKnowsItsCommand) {
  const LeakProfileRun run = ThisRun();
  EXPECT_EQ(run.end, End::kRunning);
  EXPECT_EQ(run.process, static_cast<uint32_t>(::getpid()));
  EXPECT_THAT(run.command, HasSubstr("alkaid_growth_test"));
}

TEST(LeakProfileRun, OfAFileIsWhatItsWriterNotedAndNothingOfOtherFiles) {
  const std::string file = ::testing::TempDir() + "/run_of_a_file.npy";
  const std::vector<MemoryStamp> stamps(2);
  const LeakProfileRun ended = {.end = End::kNormal, .process = 7, .command = "./reader"};
  ALKAID_ASSERT_OK(WriteLeakProfile(stamps, file, ended));
  EXPECT_THAT(ReadLeakProfileRun(file), IsOkAndHolds(ended));
  ALKAID_ASSERT_OK(WriteLeakProfile(stamps, file, {.end = End::kRunning, .process = 7}));
  EXPECT_THAT(ReadLeakProfileRun(file),
              IsOkAndHolds(LeakProfileRun{.end = End::kWithoutWord, .process = 7}));
  ALKAID_ASSERT_OK(WriteLeakProfile(stamps, file));
  EXPECT_THAT(ReadLeakProfileRun(file), IsOkAndHolds(LeakProfileRun()));
  std::ofstream(file) << "no profile";
  EXPECT_THAT(ReadLeakProfileRun(file), IsOkAndHolds(LeakProfileRun()));
  ::unlink(file.c_str());
  EXPECT_THAT(ReadLeakProfileRun(file), StatusIs(StatusCode::kNotFound, HasSubstr(file)));
  EXPECT_THAT(ReadLeakProfileRun("/dev/null"), IsOkAndHolds(LeakProfileRun()));
}

}  // namespace
}  // namespace alkaid::growth
