#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "alkaid/events/last_l1_accepts_internal.h"
#include "fixtures/made_streams.h"

namespace alkaid::events {
namespace {

using dgram::Timestamp;
using dgram::TransitionId;
using fixtures::Dgram;
using fixtures::L1;
using ::testing::ElementsAre;

// "1@5+0" for the first L1Accept of timestamp 5 of stream 1.
std::vector<std::string> Lasts(const std::vector<std::string>& streams,
                               const std::vector<uint64_t>& ends, uint64_t unwanted = 0) {
  const SmdWindow window = *fixtures::Source(streams)->Next();
  std::vector<std::string> texts;
  for (const SmdWindow::EndOfBatch& last : internal::LastL1Accepts(
           window.streams, {ends.begin(), ends.end()},
           [&](Timestamp timestamp) { return timestamp.value() != unwanted; })) {
    texts.push_back(last.stream < 0 ? "none"
                                    : std::to_string(last.stream) + "@" +
                                          std::to_string(last.timestamp.value()) + "+" +
                                          std::to_string(last.repeat));
  }
  return texts;
}

TEST(LastL1Accepts, HaveTheLatestOfAllStreamsForEachStretch) {
  EXPECT_THAT(Lasts({L1(1) + L1(4) + L1(9), L1(2) + L1(5)}, {3, 6, 8}),
              ElementsAre("1@2+0", "1@5+0", "none"));
}

TEST(LastL1Accepts, CountTheEndOfAStretchAndNoTransition) {
  EXPECT_THAT(Lasts({L1(3) + Dgram(TransitionId::kSlowUpdate, 4)}, {3, 4}),
              ElementsAre("0@3+0", "none"));
  EXPECT_THAT(Lasts({L1(3) + Dgram(TransitionId::kL1AcceptEndOfBatch, 4)}, {5}),
              ElementsAre("0@4+0"));
}

TEST(LastL1Accepts, AreOfTheEventThatIsBuiltLastAndOfItsFirstStream) {
  EXPECT_THAT(Lasts({L1(3), L1(3)}, {3}), ElementsAre("0@3+0"));
  EXPECT_THAT(Lasts({L1(3), L1(3) + L1(3), L1(3) + L1(3)}, {3}), ElementsAre("1@3+1"));
}

TEST(LastL1Accepts, AreWanted) {
  EXPECT_THAT(Lasts({L1(1) + L1(2) + L1(2), L1(2)}, {2}, /*unwanted=*/2), ElementsAre("0@1+0"));
  EXPECT_THAT(Lasts({L1(2)}, {2}, /*unwanted=*/2), ElementsAre("none"));
}

}  // namespace
}  // namespace alkaid::events
