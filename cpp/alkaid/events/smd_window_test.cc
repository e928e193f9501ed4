#include "alkaid/events/smd_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_streams.h"

namespace alkaid::events {
namespace {

using dgram::Timestamp;
using dgram::TransitionId;
using fixtures::Dgram;
using fixtures::L1;
using ::testing::HasSubstr;

SmdWindow Window(const std::vector<std::string>& streams) {
  return *fixtures::Source(streams)->Next();
}
std::string Footer(const std::vector<uint32_t>& words) {
  std::string footer;
  for (const uint32_t word : words) footer += fixtures::Word(word);
  return footer;
}

TEST(Pack, PutsTheStreamsBehindEachOtherAndTheirSizesAtTheEnd) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto message, Pack(Window({L1(1) + L1(2), "", L1(2)})));
  EXPECT_EQ(message->ToString(), L1(1) + L1(2) + L1(2) + Footer({48, 0, 24, 3}));
}

TEST(Pack, MarksL1AcceptsAndNothingElseOfThatTimestamp) {
  SmdWindow window = Window({Dgram(TransitionId::kSlowUpdate, 5) + L1(5), L1(5)});
  window.ends.push_back({0, Timestamp(5)});
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto message, Pack(window));
  EXPECT_EQ(message->ToString(), Dgram(TransitionId::kSlowUpdate, 5) +
                                     Dgram(TransitionId::kL1AcceptEndOfBatch, 5) + L1(5) +
                                     Footer({48, 24, 2}));
  // The window itself is unchanged.
  EXPECT_EQ(window.streams[0][0].buffer()->ToString(), Dgram(TransitionId::kSlowUpdate, 5) + L1(5));
}

TEST(StepHistory, HasTheTransitionsForWhoeverMissedThem) {
  StepHistory history(2);
  const std::string begin = Dgram(TransitionId::kBeginRun, 1);
  const std::string enable = Dgram(TransitionId::kEnable, 3);
  ALKAID_EXPECT_OK(history.Add(Window({begin + L1(2), begin})));
  const StepHistory::Position first = history.position();
  ALKAID_EXPECT_OK(history.Add(Window({enable, enable + L1(4)})));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto all, history.Since({0, 0}));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto later, history.Since(first));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto none, history.Since(history.position()));
  EXPECT_EQ(all[0]->ToString(), begin + enable);
  EXPECT_EQ(later[1]->ToString(), enable);
  EXPECT_EQ(none[0], nullptr);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto message, Pack(Window({L1(5), L1(5)}), all));
  EXPECT_EQ(message->ToString(),
            begin + enable + L1(5) + begin + enable + L1(5) + Footer({72, 72, 2}));
}

TEST(StepHistory, RefusesWhatIsNoPositionOrOfOtherStreams) {
  StepHistory history(1);
  EXPECT_THAT(history.Since({1}), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(history.Since({-1}), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(history.Since({}), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(history.Add(Window({"", ""})), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Pack(Window({"", ""}), {nullptr}), StatusIs(StatusCode::kInvalidArgument));
}

TEST(StepHistory, AddsAWindowWholeOrNotAtAll) {
  const std::string steps = Dgram(TransitionId::kBeginRun, 1, std::string(300, 'x'));
  for (int64_t fail_at = 1;; ++fail_at) {
    FaultInjectingMemoryPool pool(default_memory_pool());
    StepHistory history(2, &pool);
    pool.fail_after(fail_at);
    if (history.Add(Window({steps, steps})).ok()) break;
    EXPECT_EQ(history.position(), (StepHistory::Position{0, 0}));
    ALKAID_EXPECT_OK(history.Add(Window({steps, steps})));
    EXPECT_EQ(history.position(), (StepHistory::Position{324, 324}));
  }
}

TEST(OneWindow, RefusesABlockThatIsNotThere) {
  EXPECT_THAT(OneWindow({nullptr}, {nullptr}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("stream 0 is null")));
  EXPECT_THAT(OneWindow({nullptr}, {}), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace alkaid::events
