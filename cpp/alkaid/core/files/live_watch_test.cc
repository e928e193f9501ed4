#include "alkaid/core/files/live_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "alkaid/testing/matchers.h"
#include "fixtures/live_script.h"

namespace alkaid::io {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

TEST(LiveWatch, PausesDoubleUpToTheLongest) {
  std::vector<int64_t> pauses;
  LiveOptions options;
  options.first_pause = milliseconds(1);
  options.longest_pause = milliseconds(10);
  options.now = [] { return LiveOptions::Duration(0); };
  options.sleep = [&](LiveOptions::Duration pause) {
    pauses.push_back(std::chrono::duration_cast<milliseconds>(pause).count());
  };
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto watch, LiveWatch::Make(options));
  LiveWatch::Waiting waiting(*watch);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(waiting.Again());
  EXPECT_THAT(pauses, ElementsAre(1, 2, 4, 8, 10, 10));

  // The next wait starts from the first pause.
  pauses.clear();
  EXPECT_TRUE(LiveWatch::Waiting(*watch).Again());
  EXPECT_THAT(pauses, ElementsAre(1));
}

TEST(LiveWatch, ASilenceLastsAsLongAsStatedAndIsFinal) {
  LiveScript script;
  const auto watch = script.Watch(seconds(3));
  LiveWatch::Waiting waiting(*watch);
  while (waiting.Again()) {
  }
  EXPECT_EQ(watch->end(), LiveEnd::kSilence);
  EXPECT_EQ(script.now(), seconds(3));
  EXPECT_FALSE(LiveWatch::Waiting(*watch).Again());
  EXPECT_EQ(script.now(), seconds(3));
}

TEST(LiveWatch, ASilenceOfZeroTakesWhatIsThereForAll) {
  LiveScript script;
  const auto watch = script.Watch(seconds(0));
  EXPECT_FALSE(LiveWatch::Waiting(*watch).Again());
  EXPECT_EQ(watch->end(), LiveEnd::kSilence);
  EXPECT_EQ(script.pauses(), 0);
}

struct Growing : LiveWatch::Watched {
  bool Grew() override { return std::exchange(grew, false); }
  bool grew = false;
};

TEST(LiveWatch, TheSilenceIsThatOfAllFilesThatShareTheWatch) {
  LiveScript script;
  Growing other;
  // During 100 pauses another file grows now and then, while one is waited for in vain.
  for (int i = 0; i < 100; ++i) {
    script.Then([&, i] { other.grew = i % 7 == 0; });
  }
  const auto watch = script.Watch(seconds(2));
  watch->Add(&other);
  LiveWatch::Waiting waiting(*watch);
  while (waiting.Again()) {
  }
  EXPECT_TRUE(script.done());
  EXPECT_EQ(watch->end(), LiveEnd::kSilence);
  watch->Remove(&other);
}

TEST(LiveWatch, AStopEndsItBeforeThePauseAndAfterIt) {
  LiveScript script;
  script.Then([&] { script.Stop(); });
  const auto watch = script.Watch();
  LiveWatch::Waiting waiting(*watch);
  EXPECT_FALSE(waiting.Again());
  EXPECT_EQ(script.pauses(), 1);
  EXPECT_EQ(watch->end(), LiveEnd::kStopped);
  EXPECT_FALSE(LiveWatch::Waiting(*watch).Again());
  EXPECT_EQ(script.pauses(), 1);
}

TEST(LiveWatch, OptionsThatMakeNoSenseAreRefused) {
  const auto refused = [](auto change) {
    LiveOptions options;
    change(&options);
    EXPECT_THAT(LiveWatch::Make(options), StatusIs(StatusCode::kInvalidArgument));
  };
  refused([](LiveOptions* options) { options->silence = seconds(-1); });
  refused([](LiveOptions* options) { options->first_pause = seconds(0); });
  refused([](LiveOptions* options) { options->longest_pause = LiveOptions::Duration(1); });
  refused([](LiveOptions* options) { options->sleep = [](LiveOptions::Duration) {}; });
}

}  // namespace
}  // namespace alkaid::io
