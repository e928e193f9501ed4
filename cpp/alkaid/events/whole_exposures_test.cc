#include "alkaid/events/whole_exposures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/testing/matchers.h"
#include "fixtures/made_streams.h"

namespace alkaid::events {
namespace {

using dgram::Timestamp;
using ::testing::ElementsAre;

// Gives the windows it was given, in order, then the end.
class Given final : public SmdWindowSource {
 public:
  explicit Given(std::deque<Result<SmdWindow>> answers) : answers_(std::move(answers)) {}
  int stream_count() const override { return 1; }
  Result<SmdWindow> Next() override {
    if (answers_.empty()) return SmdWindow();
    Result<SmdWindow> next = std::move(answers_.front());
    answers_.pop_front();
    return next;
  }

 private:
  std::deque<Result<SmdWindow>> answers_;
};

// One L1Accept of one stream, which may end an exposure.
SmdWindow Window(uint64_t timestamp, bool goes_on, bool ends) {
  SmdWindow window;
  const auto blocks = {Buffer::FromString(fixtures::L1(timestamp))};
  window.streams = OneWindow(blocks, {nullptr}).value()->Next().value().streams;
  window.limit = Timestamp(timestamp);
  window.exposure_goes_on = goes_on;
  if (ends) window.ends.push_back({0, Timestamp(timestamp)});
  return window;
}

std::vector<uint64_t> Timestamps(const SmdWindow& window) {
  std::vector<uint64_t> timestamps;
  for (const auto& stream : window.streams) {
    for (const dgram::DgramBatch& batch : stream) {
      for (const dgram::Dgram& dgram : batch) timestamps.push_back(dgram.timestamp().value());
    }
  }
  return timestamps;
}

std::unique_ptr<WholeExposures> Over(std::deque<Result<SmdWindow>> answers) {
  return WholeExposures::Make(std::make_shared<Given>(std::move(answers))).value();
}

TEST(WholeExposures, JoinsWindowsUpToTheEndOfTheExposure) {
  const auto source = Over({Window(1, false, true), Window(2, true, false), Window(3, true, false),
                            Window(4, false, true), Window(5, false, false)});
  EXPECT_EQ(source->stream_count(), 1);
  EXPECT_THAT(Timestamps(source->Next().value()), ElementsAre(1));
  const SmdWindow joined = source->Next().value();
  EXPECT_THAT(Timestamps(joined), ElementsAre(2, 3, 4));
  EXPECT_EQ(joined.limit, Timestamp(4));
  EXPECT_FALSE(joined.exposure_goes_on);
  ASSERT_EQ(joined.ends.size(), 1U);
  EXPECT_EQ(joined.ends[0].timestamp, Timestamp(4));
  EXPECT_THAT(Timestamps(source->Next().value()), ElementsAre(5));
  EXPECT_TRUE(source->Next().value().empty());
  EXPECT_TRUE(source->Next().value().empty());
}

TEST(WholeExposures, GivesWhatThereIsWhereTheRunOrAFaultEndsAnExposure) {
  const auto ended = Over({Window(1, true, false)});
  EXPECT_THAT(Timestamps(ended->Next().value()), ElementsAre(1));
  EXPECT_TRUE(ended->Next().value().empty());

  const auto cut = Over({Window(1, true, false), Window(2, true, false), absl::DataLossError("x")});
  EXPECT_THAT(Timestamps(cut->Next().value()), ElementsAre(1, 2));
  for (int i = 0; i < 2; ++i) EXPECT_THAT(cut->Next(), StatusIs(StatusCode::kDataLoss, "x"));

  SmdWindow other;
  other.streams.resize(2, Window(2, false, false).streams[0]);
  const auto odd = Over({Window(1, true, false), other});
  EXPECT_THAT(Timestamps(odd->Next().value()), ElementsAre(1));
  EXPECT_THAT(odd->Next(), StatusIs(StatusCode::kDataLoss, "window of 2 streams, expected 1"));
}

TEST(WholeExposures, GoesOnWhereItWasAfterWhatMayPass) {
  const auto source = Over({absl::UnavailableError("a"), Window(1, true, false),
                            absl::UnavailableError("b"), Window(2, false, true)});
  EXPECT_THAT(source->Next(), StatusIs(StatusCode::kUnavailable, "a"));
  EXPECT_THAT(source->Next(), StatusIs(StatusCode::kUnavailable, "b"));
  EXPECT_THAT(Timestamps(source->Next().value()), ElementsAre(1, 2));
}

TEST(WholeExposures, NeedsASource) {
  EXPECT_THAT(WholeExposures::Make(nullptr), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace alkaid::events
