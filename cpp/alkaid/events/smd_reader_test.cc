#include "alkaid/events/smd_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/events/event_builder.h"
#include "alkaid/events/packet_footer.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_streams.h"
#include "fixtures/two_configurations.h"

namespace alkaid::events {
namespace {

using dgram::Timestamp;
using dgram::TransitionId;
using fixtures::Dgram;
using fixtures::L1;
using fixtures::SmdConfigure;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A reader of streams in memory, each after a Configure, read `chunk_bytes` at a time.
Result<std::unique_ptr<SmdReader>> Open(const std::vector<std::string>& streams,
                                        const SmdReaderOptions& options) {
  std::vector<std::unique_ptr<dgram::BatchReader>> readers;
  for (size_t i = 0; i < streams.size(); ++i) {
    dgram::BatchReaderOptions reading;
    reading.batch_bytes = options.chunk_bytes;
    reading.name = "s" + std::to_string(i);
    readers.push_back(
        *dgram::BatchReader::Open(Buffer::FromString(SmdConfigure() + streams[i]), reading));
  }
  return SmdReader::Open(std::move(readers), options);
}

// "1,2 | 1" for a window in which stream 0 has timestamps 1 and 2, and stream 1 has 1.
std::string Describe(const SmdWindow& window) {
  std::string text;
  for (const auto& stream : window.streams) {
    if (&stream != &window.streams.front()) text += " | ";
    bool first = true;
    for (const dgram::DgramBatch& batch : stream) {
      for (const dgram::Dgram& dgram : batch) {
        if (!first) text += ",";
        first = false;
        text += std::to_string(dgram.timestamp().value());
      }
    }
  }
  return text;
}
std::vector<std::string> Windows(const std::vector<std::string>& streams,
                                 const SmdReaderOptions& options) {
  const auto reader = *Open(streams, options);
  std::vector<std::string> all;
  while (true) {
    const Result<SmdWindow> window = reader->Next();
    EXPECT_THAT(window, IsOk());
    if (!window.ok() || window->empty()) return all;
    all.push_back(Describe(*window));
  }
}
std::string Every(uint64_t first, uint64_t step, uint64_t end) {
  std::string run;
  for (uint64_t t = first; t < end; t += step) run += L1(t);
  return run;
}

SmdReaderOptions Options(int64_t batch_size, int64_t chunk_bytes = 1 << 20) {
  SmdReaderOptions options;
  options.batch_size = batch_size;
  options.chunk_bytes = chunk_bytes;
  return options;
}

TEST(SmdReader, EndsAWindowWhereTheStreamThatReachesLeastFarHasItsBatch) {
  EXPECT_THAT(Windows({Every(1, 1, 7), Every(2, 2, 9)}, Options(2)),
              ElementsAre("1,2 | 2", "3,4 | 4", "5,6 | 6", " | 8"));
}

TEST(SmdReader, CountsOnlyL1Accepts) {
  const std::string stream = Dgram(TransitionId::kBeginRun, 1) + L1(2) +
                             Dgram(TransitionId::kEnable, 3) + L1(4) + L1(5) +
                             Dgram(TransitionId::kEndRun, 6);
  EXPECT_THAT(Windows({stream}, Options(2)), ElementsAre("1,2,3,4", "5,6"));
}

TEST(SmdReader, GivesTransitionsThatAreAloneAWindow) {
  EXPECT_THAT(
      Windows({Dgram(TransitionId::kBeginRun, 1), Dgram(TransitionId::kBeginRun, 1)}, Options(10)),
      ElementsAre("1 | 1"));
}

// All bytes of the batches that are built from the reader's windows.
std::string Built(const std::vector<std::string>& streams, const SmdReaderOptions& options) {
  auto builder = *EventBuilder::Make(*Open(streams, options));
  std::string bytes;
  while (true) {
    const Result<EventBatches> built = builder->Next();
    EXPECT_THAT(built, IsOk());
    if (!built.ok() || built->done()) return bytes;
    if (!built->batch().empty()) bytes += built->batch().buffer()->ToString();
  }
}

// The end of a window depends on what had been read; the events do not.
TEST(SmdReader, MakesTheSameEventsWhateverTheSizeOfItsReads) {
  const std::vector<std::string> streams = {Every(1, 1, 40), Every(3, 7, 60), Every(2, 2, 30)};
  const std::string expected = Built(streams, Options(1000));
  for (const int64_t chunk : {24, 60, 100, 500}) {
    EXPECT_EQ(Built(streams, Options(5, chunk)), expected) << chunk;
  }
}

TEST(SmdReader, NeverSplitsATimestampBetweenWindows) {
  const std::vector<std::string> streams = {L1(1) + L1(5) + L1(5) + L1(6),
                                            L1(1) + L1(5) + L1(5) + L1(6)};
  for (const int64_t chunk : {24, 48, 1000}) {
    EXPECT_THAT(Windows(streams, Options(2, chunk)), ElementsAre("1,5,5 | 1,5,5", "6 | 6"));
  }
}

TEST(SmdReader, HoldsNoMoreThanItMayOfAStreamThatRunsAhead) {
  // The second stream has one datagram for a thousand of the first.
  SmdReaderOptions options = Options(10, 1000);
  options.max_pending_bytes = 2000;
  const auto reader = *Open({Every(1, 1, 1000), L1(999)}, options);
  int64_t seen = 0;
  while (true) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const SmdWindow window, reader->Next());
    if (window.empty()) break;
    seen += window.size();
    EXPECT_LE(window.nbytes(), 2 * 3000);
  }
  EXPECT_EQ(seen, 1000);
}

TEST(SmdReader, LetsAFullStreamDecideWhereTheWindowEnds) {
  // Stream 0 alone could fill a batch of 100; it may hold fewer.
  SmdReaderOptions options = Options(100, 240);
  options.max_pending_bytes = 480;
  const auto windows = Windows({Every(1, 1, 60), Every(1, 1, 60)}, options);
  EXPECT_GT(windows.size(), 2);
  options.max_pending_bytes = 1;
  options.chunk_bytes = 24;
  for (const uint64_t timestamp : {0, 5}) {
    EXPECT_THAT((*Open({L1(timestamp) + L1(timestamp), L1(6)}, options))->Next(),
                StatusIs(StatusCode::kResourceExhausted,
                         HasSubstr("all of one timestamp, " + std::to_string(timestamp))));
  }
}

TEST(SmdReader, EndsAnExposureAtTheIntegratingDetectorsTimeAndMarksItsLastL1Accept) {
  SmdReaderOptions options = Options(1);
  options.integrating_stream = 1;
  options.integrating_delta = 2;
  const auto reader = *Open({Every(1, 1, 10), L1(3) + L1(7)}, options);
  ALKAID_ASSERT_OK_AND_ASSIGN(SmdWindow window, reader->Next());
  EXPECT_EQ(Describe(window), "1,2,3,4,5 | 3");
  ASSERT_EQ(window.ends.size(), 1);
  EXPECT_EQ(window.ends[0].stream, 0);
  EXPECT_EQ(window.ends[0].timestamp.value(), 5);
  ALKAID_ASSERT_OK_AND_ASSIGN(window, reader->Next());
  EXPECT_EQ(Describe(window), "6,7,8,9 | 7");
  EXPECT_EQ(window.ends[0].timestamp.value(), 9);
  EXPECT_TRUE(reader->Next()->empty());
}

TEST(SmdReader, AddsTheExposureInNanosecondsAcrossASecond) {
  SmdReaderOptions options = Options(1);
  options.integrating_stream = 1;
  options.integrating_delta = 10;
  const uint64_t before = Timestamp(1, 999'999'995).value();
  const uint64_t inside = Timestamp(2, 5).value();
  const uint64_t after = Timestamp(2, 6).value();
  const auto reader = *Open({L1(before) + L1(inside) + L1(after), L1(before)}, options);
  ALKAID_ASSERT_OK_AND_ASSIGN(const SmdWindow window, reader->Next());
  EXPECT_EQ(window.limit.value(), inside);
  ASSERT_EQ(window.ends.size(), 1);
  EXPECT_EQ(window.ends[0].timestamp.value(), inside);
}

TEST(SmdReader, MarksTheLastL1AcceptWhereATransitionEndsTheExposure) {
  SmdReaderOptions options = Options(1);
  options.integrating_stream = 1;
  options.integrating_delta = 5;
  const std::string update = Dgram(TransitionId::kSlowUpdate, 6);
  const auto reader = *Open({Every(1, 1, 6) + update + L1(20), L1(3) + update}, options);
  ALKAID_ASSERT_OK_AND_ASSIGN(const SmdWindow window, reader->Next());
  ASSERT_EQ(window.ends.size(), 1);
  EXPECT_EQ(window.ends[0].timestamp.value(), 5);
}

TEST(SmdReader, MarksEachOfExposuresThatOverlap) {
  const std::vector<std::string> streams = {Every(1, 1, 40), L1(10) + L1(14) + L1(30)};
  for (const int64_t batch_size : {1, 2, 3}) {
    SmdReaderOptions options = Options(batch_size);
    options.integrating_stream = 1;
    options.integrating_delta = 6;
    const auto reader = *Open(streams, options);
    std::vector<uint64_t> ends;
    while (true) {
      ALKAID_ASSERT_OK_AND_ASSIGN(const SmdWindow window, reader->Next());
      if (window.empty()) break;
      for (const auto& end : window.ends) ends.push_back(end.timestamp.value());
    }
    EXPECT_THAT(ends, ElementsAre(16, 20, 36)) << batch_size;
  }
}

// The timestamps of all events, with a star for each datagram that is an L1AcceptEndOfBatch.
std::vector<std::string> Events(const std::vector<std::string>& streams,
                                const SmdReaderOptions& options,
                                EventBuilderOptions building = {}) {
  auto builder = *EventBuilder::Make(*Open(streams, options), std::move(building));
  std::vector<std::string> events;
  while (true) {
    const Result<EventBatches> built = builder->Next();
    EXPECT_THAT(built, IsOk());
    if (!built.ok() || built->done()) return events;
    for (const Event& event : built->batch()) {
      std::string text = std::to_string(event.timestamp().value());
      event.ForEachDgram([&](int, const dgram::Dgram& dgram) {
        if (dgram.service() == TransitionId::kL1AcceptEndOfBatch) text += "*";
      });
      events.push_back(text);
    }
  }
}
std::string Updates(uint64_t first, uint64_t end) {
  std::string run;
  for (uint64_t t = first; t < end; ++t) run += Dgram(TransitionId::kSlowUpdate, t);
  return run;
}
SmdReaderOptions Integrating(int stream, int64_t delta, int64_t batch_size = 1) {
  SmdReaderOptions options = Options(batch_size);
  options.integrating_stream = stream;
  options.integrating_delta = delta;
  return options;
}

// Two exposures begin before the first ends, and then nothing comes for a while.
TEST(SmdReader, GivesAnEmptyWindowAtTheEndAlone) {
  std::string begin;
  for (const TransitionId service :
       {TransitionId::kBeginRun, TransitionId::kBeginStep, TransitionId::kEnable}) {
    begin += Dgram(service, begin.size() / 24);
  }
  std::string end;
  for (const TransitionId service :
       {TransitionId::kDisable, TransitionId::kEndStep, TransitionId::kEndRun}) {
    end += Dgram(service, 200 + end.size() / 24);
  }
  const std::vector<std::string> streams = {begin + Every(100, 1, 107) + Every(120, 1, 123) + end,
                                            begin + L1(100) + L1(102) + L1(120) + end};
  const auto expected = Events(streams, Integrating(1, 6, 1000));
  EXPECT_EQ(expected.size(), 16);
  for (const int64_t window : {1, 2}) {
    for (const int64_t batch : {1, 2, 3, 4, 5}) {
      EventBuilderOptions building;
      building.batch_size = batch;
      EXPECT_EQ(Events(streams, Integrating(1, 6, window), building), expected) << window;
    }
  }
}

TEST(SmdReader, MarksALastL1AcceptThatRepeatsOnce) {
  const std::vector<std::string> streams = {L1(3) + L1(5) + L1(5) + L1(9), L1(3) + L1(5) + L1(9)};
  EXPECT_THAT(Events(streams, Integrating(1, 0)), ElementsAre("3*", "5", "5*", "9*"));
  // Messages are marked too.
  const auto reader = *Open(streams, Integrating(1, 0, 2));
  ALKAID_ASSERT_OK_AND_ASSIGN(const SmdWindow window, reader->Next());
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<Buffer> message, Pack(window));
  const std::string first = Dgram(TransitionId::kL1AcceptEndOfBatch, 3) + L1(5) +
                            Dgram(TransitionId::kL1AcceptEndOfBatch, 5);
  EXPECT_EQ(message->ToString().substr(0, first.size() + 48), first + L1(3) + L1(5));
}

TEST(SmdReader, MarksAnL1AcceptThatAFullStreamCutsFromTheEndOfItsExposure) {
  // Only transitions follow, more than a stream may hold.
  const std::vector<std::string> streams = {Every(1, 1, 6) + Updates(6, 30) + L1(30),
                                            L1(3) + Updates(6, 30)};
  const std::string marked = "5*";
  SmdReaderOptions options = Integrating(1, 12);
  EXPECT_THAT(Events(streams, options), ::testing::Contains(marked));
  const auto expected = Events(streams, options);
  for (const int64_t most : {120, 144, 240, 480}) {
    options.chunk_bytes = 48;
    options.max_pending_bytes = most;
    EXPECT_EQ(Events(streams, options), expected) << most;
  }
}

TEST(SmdReader, MarksAnL1AcceptAtTheTimeOfTheEndRunBeforeIt) {
  const std::string run =
      Dgram(TransitionId::kBeginRun, 1) + L1(2) + Dgram(TransitionId::kEndRun, 20) + L1(20);
  for (const int64_t batch_size : {1, 2, 3, 10}) {
    EXPECT_THAT(Events({run + L1(50), run}, Integrating(1, 5, batch_size)),
                ElementsAre("1", "2*", "20", "20*", "50"));
  }
}

// The exposure has not ended at the fault.
TEST(SmdReader, DoesNotMarkAnExposureThatAFaultCuts) {
  const std::string cut = Every(1, 1, 6) + Updates(6, 9);
  for (const int64_t most : {120, 100000}) {
    SmdReaderOptions options = Integrating(1, 12);
    options.chunk_bytes = 48;
    options.max_pending_bytes = most;
    const auto reader = *Open({cut + L1(4), L1(3) + Updates(6, 9)}, options);
    int64_t dgrams = 0;
    Result<SmdWindow> window = reader->Next();
    for (; window.ok(); window = reader->Next()) {
      dgrams += window->size();
      EXPECT_TRUE(window->ends.empty());
    }
    EXPECT_THAT(window, StatusIs(StatusCode::kDataLoss, HasSubstr("timestamp 4 of stream 0")));
    EXPECT_EQ(dgrams, 12);
  }
}

TEST(SmdReader, TakesSeveralExposuresIntoAWindowAndTheRestBehindTheLast) {
  SmdReaderOptions options = Options(2);
  options.integrating_stream = 1;
  const auto reader = *Open({Every(1, 1, 12), L1(3) + L1(6) + L1(9)}, options);
  ALKAID_ASSERT_OK_AND_ASSIGN(SmdWindow window, reader->Next());
  EXPECT_EQ(Describe(window), "1,2,3,4,5,6 | 3,6");
  EXPECT_EQ(window.ends.size(), 2);
  ALKAID_ASSERT_OK_AND_ASSIGN(window, reader->Next());
  EXPECT_EQ(Describe(window), "7,8,9 | 9");
  ALKAID_ASSERT_OK_AND_ASSIGN(window, reader->Next());
  EXPECT_EQ(Describe(window), "10,11 | ");
  EXPECT_TRUE(window.ends.empty());
}

TEST(SmdReader, MarksTheSameL1AcceptsWhenAStreamIsFullInTheMiddleOfAnExposure) {
  SmdReaderOptions options = Options(1);
  options.integrating_stream = 1;
  options.integrating_delta = 20;
  const std::vector<std::string> streams = {Every(1, 1, 100), L1(10) + L1(60)};
  const std::string expected = Built(streams, options);
  EXPECT_THAT(expected, HasSubstr(Dgram(TransitionId::kL1AcceptEndOfBatch, 30)));
  EXPECT_THAT(expected, HasSubstr(Dgram(TransitionId::kL1AcceptEndOfBatch, 80)));
  options.chunk_bytes = 48;
  options.max_pending_bytes = 120;
  EXPECT_EQ(Built(streams, options), expected);
}

TEST(SmdReader, ItsMarksBecomeTheServiceOfTheEventsThatAreBuilt) {
  SmdReaderOptions options = Options(1);
  options.integrating_stream = 1;
  const std::string fast = Every(1, 1, 5);
  auto builder = *EventBuilder::Make(*Open({fast, L1(3)}, options));
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatches built, builder->Next());
  std::vector<int> services;
  for (const Event& event : built.batch()) services.push_back(static_cast<int>(event.service()));
  EXPECT_THAT(services, ElementsAre(12, 12, 11, 12));
  EXPECT_EQ(built.batch().event(2).dgram(1).service(), TransitionId::kL1Accept);
}

TEST(SmdReader, PutsFakeStepsBehindWindowsInsideAStep) {
  SmdReaderOptions options = Options(2);
  options.fake_steps = true;
  const std::string stream = Dgram(TransitionId::kEnable, 10) + L1(20) + L1(30) + L1(40) +
                             Dgram(TransitionId::kDisable, 50);
  EXPECT_THAT(Windows({stream, stream}, options),
              ElementsAre("10,20,30,31,32,33,34 | 10,20,30,31,32,33,34", "40,50 | 40,50"));
  // Nothing is lost where there is no room: the same window is refused again.
  const auto crowded = *Open({L1(1) + L1(2) + L1(3)}, options);
  for (int times = 0; times < 2; ++times) {
    EXPECT_THAT(crowded->Next(),
                StatusIs(StatusCode::kFailedPrecondition, HasSubstr("goes on at 3")));
  }
}

TEST(SmdReader, DeliversEverythingBeforeAStreamThatGoesBack) {
  const auto reader = *Open({L1(1) + L1(5) + L1(4), L1(1) + L1(5) + L1(9)}, Options(1));
  EXPECT_EQ(Describe(*reader->Next()), "1 | 1");
  EXPECT_EQ(Describe(*reader->Next()), "5 | 5");
  const auto fault = HasSubstr("timestamp 4 of stream 0 (L1Accept) goes back: before it is 5");
  EXPECT_THAT(reader->Next(), StatusIs(StatusCode::kDataLoss, fault));
  EXPECT_THAT(reader->Next(), StatusIs(StatusCode::kDataLoss, fault));
}

TEST(SmdReader, DoesNotCountWhatFollowsAFaultAsGiven) {
  const auto reader = *Open({L1(1) + L1(5) + L1(4) + L1(6)}, Options(1));
  const int64_t after_fault = 2 * dgram::kDgramHeaderBytes;
  EXPECT_EQ(reader->position(), reader->configure(0).size());
  EXPECT_EQ(Describe(*reader->Next()), "1");
  EXPECT_EQ(Describe(*reader->Next()), "5");
  EXPECT_EQ(reader->position(), reader->total_bytes() - after_fault);
  EXPECT_THAT(reader->Next(), StatusIs(StatusCode::kDataLoss));
  EXPECT_EQ(reader->position(), reader->total_bytes() - after_fault);
}

// A Configure may go by another clock than triggered data.
TEST(SmdReader, ReadsDataThatAreEarlierThanTheirConfigure) {
  std::vector<std::unique_ptr<dgram::BatchReader>> readers;
  for (const uint64_t configured : {Timestamp(1'800'000'000, 0).value(), uint64_t{0}}) {
    readers.push_back(*dgram::BatchReader::Open(Buffer::FromString(
        SmdConfigure(configured) + Dgram(TransitionId::kBeginRun, 1) + Every(2, 1, 5))));
  }
  const auto reader = *SmdReader::Open(std::move(readers), Options(2));
  EXPECT_EQ(Describe(*reader->Next()), "1,2,3 | 1,2,3");
  EXPECT_EQ(Describe(*reader->Next()), "4 | 4");
  EXPECT_TRUE(reader->Next()->empty());
}

TEST(SmdReader, DeliversEverythingBeforeAPartialDatagram) {
  const auto reader = *Open({L1(1) + L1(2).substr(0, 20), L1(1) + L1(2)}, Options(1));
  EXPECT_EQ(Describe(*reader->Next()), "1 | 1");
  EXPECT_THAT(reader->Next(), StatusIs(StatusCode::kDataLoss, HasSubstr("partial datagram")));
}

TEST(SmdReader, NeedsAConfigureAtTheStartOfEachStream) {
  std::vector<std::unique_ptr<dgram::BatchReader>> readers;
  readers.push_back(*dgram::BatchReader::Open(Buffer::FromString("")));
  EXPECT_THAT(SmdReader::Open(std::move(readers)),
              StatusIs(StatusCode::kDataLoss, HasSubstr("stream 0 starts without a Configure")));
  EXPECT_THAT(SmdReader::Open(std::vector<std::string>()), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Open({L1(1)}, Options(0)), StatusIs(StatusCode::kInvalidArgument));
  SmdReaderOptions options = Options(1);
  options.integrating_stream = 1;
  EXPECT_THAT(Open({L1(1)}, options), StatusIs(StatusCode::kOutOfRange));
}

TEST(SmdWindow, IsTheSameAfterPackingAndUnpackingExceptForItsMarks) {
  SmdReaderOptions options = Options(1);
  options.integrating_stream = 1;
  const auto reader = *Open({Every(1, 1, 4), L1(2)}, options);
  ALKAID_ASSERT_OK_AND_ASSIGN(const SmdWindow window, reader->Next());
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<Buffer> message, Pack(window));
  EXPECT_EQ(message->ToString(), L1(1) + Dgram(TransitionId::kL1AcceptEndOfBatch, 2) + L1(2) +
                                     fixtures::Word(48U) + fixtures::Word(24U) +
                                     fixtures::Word(2U));
  ALKAID_ASSERT_OK_AND_ASSIGN(const SmdWindow again, Unpack(message, reader->configurations()));
  EXPECT_EQ(Describe(again), Describe(window));
  EXPECT_EQ(again.limit, window.limit);
}

TEST(SmdWindow, RefusesAMessageThatIsMalformed) {
  const auto unpack = [](const std::string& bytes) {
    return Unpack(Buffer::FromString(bytes), {nullptr, nullptr});
  };
  EXPECT_THAT(unpack(L1(1) + fixtures::Word(24U) + fixtures::Word(1U)),
              StatusIs(StatusCode::kDataLoss, HasSubstr("1 streams, expected 2")));
  EXPECT_THAT(unpack(L1(1) + fixtures::Word(23U) + fixtures::Word(1U) + fixtures::Word(2U)),
              StatusIs(StatusCode::kDataLoss, HasSubstr("message, stream 0")));
  EXPECT_THAT(unpack("abc"), StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(Unpack(nullptr, {}), StatusIs(StatusCode::kInvalidArgument));
}

// A reader of two streams that both change their Configuration in the middle.
std::unique_ptr<SmdReader> OpenTwoConfigurations(const SmdReaderOptions& options) {
  std::vector<std::unique_ptr<dgram::BatchReader>> readers;
  for (int i = 0; i < 2; ++i) {
    dgram::BatchReaderOptions reading;
    reading.batch_bytes = options.chunk_bytes;
    readers.push_back(*dgram::BatchReader::Open(
        Buffer::FromString(fixtures::TwoConfigurations(/*events=*/10)), reading));
  }
  return *SmdReader::Open(std::move(readers), options);
}
// The number of L1Accepts whose value is right; the status of the first that is wrong.
Result<int> CountRightValues(const SmdWindow& window) {
  int right = 0;
  for (const auto& stream : window.streams) {
    for (const dgram::DgramBatch& batch : stream) {
      for (const dgram::Dgram& dgram : batch) {
        if (!dgram.is_l1_accept()) continue;
        ALKAID_RETURN_NOT_OK(fixtures::CheckValue(dgram));
        ++right;
      }
    }
  }
  return right;
}

class SmdReaderConfigurations : public ::testing::TestWithParam<int> {};

TEST_P(SmdReaderConfigurations, BelongToEachWindowAndItsMessage) {
  const auto reader = OpenTwoConfigurations(Options(GetParam(), /*chunk_bytes=*/200));
  const auto opening = reader->configurations();
  // The Configurations that a node in another process has.
  auto received = opening;
  int right = 0, refused = 0;
  while (true) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const SmdWindow window, reader->Next());
    EXPECT_EQ(reader->configurations(), window.configurations);
    if (window.empty()) break;
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto message, Pack(window));
    ALKAID_ASSERT_OK_AND_ASSIGN(const SmdWindow again, Unpack(message, window.configurations));
    ALKAID_ASSERT_OK_AND_ASSIGN(const int in_window, CountRightValues(again));
    right += in_window;

    const Result<SmdWindow> stale = Unpack(message, opening, "message");
    refused += !stale.ok();
    if (stale.ok()) {
      ALKAID_EXPECT_OK(CountRightValues(*stale));
    } else {
      EXPECT_THAT(stale, StatusIs(StatusCode::kInvalidArgument,
                                  HasSubstr("message: stream 0: datagrams of another Config")));
    }

    const auto copy = Buffer::FromString(message->ToString());
    ALKAID_ASSERT_OK_AND_ASSIGN(const SmdWindow there, Unpack(copy, received));
    ALKAID_EXPECT_OK(CountRightValues(there));
    received = there.ConfigurationsAfter();
    // Equal declarations in another object are accepted.
    ALKAID_EXPECT_OK(Unpack(message, there.configurations));
  }
  EXPECT_EQ(right, 20);
  // With windows of 5 the Configure starts the second window; 100 are all in one.
  EXPECT_EQ(refused > 0, GetParam() % 5 != 0);
  EXPECT_NE(reader->configurations(), opening);
  EXPECT_EQ(reader->configure(0).configuration(), opening[0]);
}
INSTANTIATE_TEST_SUITE_P(WindowsOf, SmdReaderConfigurations, ::testing::Values(1, 2, 3, 5, 7, 100),
                         ::testing::PrintToStringParamName());

TEST(SmdReader, PutsAFakeStepUnderTheConfigurationOfItsWindow) {
  SmdReaderOptions options = Options(1);
  options.fake_steps = true;
  std::string run = Dgram(TransitionId::kEnable, 1) + L1(10) + L1(20);
  run += fixtures::ConfigureValue(30, fixtures::kUInt32Type) + L1(40);
  const auto reader = *Open({run}, options);
  ALKAID_ASSERT_OK_AND_ASSIGN(const SmdWindow window, reader->Next());
  ASSERT_EQ(window.streams[0].size(), 2);
  EXPECT_EQ(window.streams[0][1].origin()->configuration, window.configurations[0]);
}

TEST(Unpack, TakesMissingStepsUnderWhatWasInForceAtTheirBeginning) {
  const auto reader = OpenTwoConfigurations(Options(2, /*chunk_bytes=*/200));
  const auto opening = reader->configurations();
  StepHistory history(2);
  int right = 0;
  while (true) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const SmdWindow window, reader->Next());
    if (window.empty()) break;
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto steps, history.Since({0, 0}));
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto message, Pack(window, steps));
    ALKAID_ASSERT_OK_AND_ASSIGN(const SmdWindow again, Unpack(message, opening));
    ALKAID_ASSERT_OK_AND_ASSIGN(const int in_window, CountRightValues(again));
    right += in_window;
    ALKAID_ASSERT_OK(history.Add(window));
  }
  EXPECT_EQ(right, 20);
}

// Events of the windows know their Configurations too.
TEST(SmdReader, EventsOfTwoConfigurationsAreEachReadUnderTheirOwn) {
  for (const int64_t batch_size : {1, 3, 1000}) {
    EventBuilderOptions building;
    building.batch_size = batch_size;
    auto builder = *EventBuilder::Make(OpenTwoConfigurations(Options(3, 200)), building);
    int right = 0;
    while (true) {
      ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatches built, builder->Next());
      if (built.done()) break;
      ALKAID_ASSERT_OK_AND_ASSIGN(const auto configurations, built.batch().configurations());
      const auto bytes = Buffer::FromString(built.batch().buffer()->ToString());
      ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatch again, EventBatch::Make(bytes, configurations));
      for (const Event& event : again) {
        if (!event.is_l1_accept()) continue;
        for (int stream = 0; stream < 2; ++stream) {
          EXPECT_EQ(event.configuration(stream), event.dgram(stream).configuration());
          ALKAID_EXPECT_OK(fixtures::CheckValue(event.dgram(stream)));
          ++right;
        }
      }
    }
    EXPECT_EQ(right, 20);
  }
}

TEST(EventBatch, WithoutAConfigureBetweenTwoConfigurationsTellsThatItsBytesDoNotSay) {
  auto builder = *EventBuilder::Make(OpenTwoConfigurations(Options(100)));
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatches built, builder->Next());
  DgramBatchBuilder selected(2);
  for (const Event& event : built.batch()) {
    if (!event.is_l1_accept()) continue;
    ALKAID_ASSERT_OK(selected.Append(1, event.dgram(1)));
    ALKAID_ASSERT_OK(selected.EndEvent());
  }
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatch batch, selected.Finish());
  EXPECT_THAT(batch.configurations(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("stream 1 has datagrams of "
                                                                  "another Configuration from "
                                                                  "event 5 of 10 on")));
  for (const Event& event : batch) ALKAID_EXPECT_OK(fixtures::CheckValue(event.dgram(1)));
}

}  // namespace
}  // namespace alkaid::events
