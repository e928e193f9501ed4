#include "alkaid/events/event_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/dgram/shapes_data.h"
#include "alkaid/events/smd_reader.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_streams.h"

namespace alkaid::events {
namespace {

using dgram::Timestamp;
using dgram::TransitionId;
using fixtures::Dgram;
using fixtures::L1;
using fixtures::Source;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<EventBuilder> Builder(const std::vector<std::string>& streams,
                                      EventBuilderOptions options = {}) {
  return *EventBuilder::Make(Source(streams), std::move(options));
}

// "12@5:0,2" for an L1Accept at timestamp 5 that streams 0 and 2 have.
std::vector<std::string> Describe(const EventBatch& batch) {
  std::vector<std::string> all;
  for (const Event& event : batch) {
    std::string text = std::to_string(static_cast<int>(event.service())) + "@" +
                       std::to_string(event.timestamp().value()) + ":";
    event.ForEachDgram([&](int stream, const dgram::Dgram& dgram) {
      EXPECT_EQ(dgram.timestamp(), event.timestamp());
      text += (text.back() == ':' ? "" : ",") + std::to_string(stream);
    });
    all.push_back(text);
  }
  return all;
}
// All events, in one batch that takes everything.
std::vector<std::string> Events(const std::vector<std::string>& streams) {
  const auto builder = Builder(streams);
  const Result<EventBatches> built = builder->Next();
  EXPECT_THAT(built, IsOk());
  EXPECT_TRUE(builder->Next()->done());
  return Describe(built->batch());
}

TEST(EventBuilder, PutsTogetherWhatHasOneTimestamp) {
  EXPECT_THAT(Events({L1(4) + L1(5) + L1(7), L1(5) + L1(6), L1(4) + L1(7)}),
              ElementsAre("12@4:0,2", "12@5:0,1", "12@6:1", "12@7:0,2"));
}

TEST(EventBuilder, TakesTimestampZeroForATimestamp) {
  EXPECT_THAT(Events({L1(0) + L1(1), L1(5) + L1(6)}),
              ElementsAre("12@0:0", "12@1:0", "12@5:1", "12@6:1"));
}

TEST(EventBuilder, MakesASecondEventOfARepeatedTimestamp) {
  EXPECT_THAT(Events({L1(5) + L1(5) + L1(6), L1(5) + L1(6)}),
              ElementsAre("12@5:0,1", "12@5:0", "12@6:0,1"));
}

TEST(EventBuilder, TakesAnEndOfBatchForAnL1Accept) {
  EXPECT_THAT(Events({L1(5), Dgram(TransitionId::kL1AcceptEndOfBatch, 5)}),
              ElementsAre("12@5:0,1"));
  EXPECT_THAT(Events({Dgram(TransitionId::kL1AcceptEndOfBatch, 5), ""}), ElementsAre("11@5:0"));
}

TEST(EventBuilder, CountsTransitionsInABatchAndCopiesThemIntoTheSteps) {
  EventBuilderOptions options;
  options.batch_size = 2;
  const std::string stream =
      Dgram(TransitionId::kBeginRun, 1) + L1(2) + L1(3) + Dgram(TransitionId::kEndRun, 4) + L1(5);
  const auto builder = Builder({stream, stream}, options);
  ALKAID_ASSERT_OK_AND_ASSIGN(EventBatches built, builder->Next());
  EXPECT_THAT(Describe(built.batch()), ElementsAre("4@1:0,1", "12@2:0,1"));
  EXPECT_THAT(Describe(built.steps), ElementsAre("4@1:0,1"));
  ALKAID_ASSERT_OK_AND_ASSIGN(built, builder->Next());
  EXPECT_THAT(Describe(built.batch()), ElementsAre("12@3:0,1", "5@4:0,1"));
  EXPECT_THAT(Describe(built.steps), ElementsAre("5@4:0,1"));
  ALKAID_ASSERT_OK_AND_ASSIGN(built, builder->Next());
  EXPECT_THAT(Describe(built.batch()), ElementsAre("12@5:0,1"));
  EXPECT_TRUE(built.steps.empty());
  ALKAID_ASSERT_OK_AND_ASSIGN(built, builder->Next());
  EXPECT_TRUE(built.done());
}

TEST(EventBuilder, LaysABatchOutAsEventsWithTheirFooters) {
  const auto builder = Builder({L1(1, "ab"), L1(1)});
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatches built, builder->Next());
  const std::string event =
      L1(1, "ab") + L1(1) + fixtures::Word(26U) + fixtures::Word(24U) + fixtures::Word(2U);
  EXPECT_EQ(built.batch().buffer()->ToString(),
            event + fixtures::Word(static_cast<uint32_t>(event.size())) + fixtures::Word(1U));
}

TEST(EventBuilder, LeavesOutWhatTheFilterDoesNotNameAndKeepsTransitions) {
  EventBuilderOptions options;
  options.batch_size = 3;
  options.filter_timestamps = {Timestamp(5), Timestamp(2), Timestamp(99)};
  const std::string stream =
      L1(1) + Dgram(TransitionId::kEnable, 2) + L1(2) + L1(3) + L1(4) + L1(5);
  const auto builder = Builder({stream}, options);
  ALKAID_ASSERT_OK_AND_ASSIGN(EventBatches built, builder->Next());
  EXPECT_EQ(built.event_count, 3);
  EXPECT_THAT(Describe(built.batch()), ElementsAre("8@2:0", "12@2:0"));
  ALKAID_ASSERT_OK_AND_ASSIGN(built, builder->Next());
  EXPECT_THAT(Describe(built.batch()), ElementsAre("12@5:0"));
}

TEST(EventBuilder, NamesWhatTheFilterWantsAndNoStreamHas) {
  EventBuilderOptions options;
  options.batch_size = 2;
  // A transition at that timestamp does not count as wanted.
  options.filter_timestamps = {Timestamp(5), Timestamp(2), Timestamp(99), Timestamp(4),
                               Timestamp(99)};
  const std::string stream = L1(1) + L1(2) + Dgram(TransitionId::kEnable, 4) + L1(5);
  const auto builder = Builder({stream, stream}, options);
  EXPECT_EQ(builder->missing_timestamps().size(), 4);
  while (!builder->Next()->done()) {
  }
  EXPECT_THAT(builder->missing_timestamps(), ElementsAre(Timestamp(4), Timestamp(99)));
  EXPECT_TRUE(Builder({stream})->missing_timestamps().empty());
}

TEST(EventBuilder, MovesTheEndOfAnExposureToTheLastL1AcceptThatTheFilterKeeps) {
  // The ends of exposures are marked in the data, as in a message of small data.
  const auto end = [](uint64_t t) { return Dgram(TransitionId::kL1AcceptEndOfBatch, t); };
  const std::vector<std::string> streams = {L1(1) + L1(2) + L1(3) + end(4) + L1(5) + end(6) + L1(7),
                                            L1(2) + L1(4) + L1(6)};
  const auto kept = [&](std::vector<Timestamp> wanted) {
    EventBuilderOptions options;
    options.filter_timestamps = std::move(wanted);
    return Describe(Builder(streams, options)->Next()->batch());
  };
  EXPECT_THAT(kept({Timestamp(1), Timestamp(2), Timestamp(5), Timestamp(7)}),
              ElementsAre("12@1:0", "11@2:0,1", "11@5:0", "12@7:0"));
  EXPECT_THAT(kept({Timestamp(3), Timestamp(4)}), ElementsAre("12@3:0", "11@4:0,1"));
  EXPECT_THAT(kept({Timestamp(7)}), ElementsAre("12@7:0"));
}

TEST(EventBuilder, AnExposureThatIsMarkedInAnotherStreamIsNotMarkedAgain) {
  EventBuilderOptions options;
  options.filter_timestamps = {Timestamp(4)};
  const auto builder = Builder({L1(4), Dgram(TransitionId::kL1AcceptEndOfBatch, 4)}, options);
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatches built, builder->Next());
  EXPECT_THAT(Describe(built.batch()), ElementsAre("12@4:0,1"));
}

TEST(EventBuilder, AFilterOfNothingKeepsOnlyTransitions) {
  EventBuilderOptions options;
  options.filter_timestamps.emplace();
  const auto builder = Builder({L1(1) + Dgram(TransitionId::kEnable, 2) + L1(3)}, options);
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatches built, builder->Next());
  EXPECT_EQ(built.event_count, 3);
  EXPECT_THAT(Describe(built.batch()), ElementsAre("8@2:0"));
}

TEST(EventBuilder, SendsEachL1AcceptToItsDestinationAndTransitionsToAll) {
  EventBuilderOptions options;
  options.destination = [](Timestamp timestamp) { return static_cast<int>(timestamp.value() % 2); };
  const auto builder = Builder(
      {Dgram(TransitionId::kBeginRun, 1) + L1(3) + L1(4) + Dgram(TransitionId::kEndRun, 5) + L1(7)},
      options);
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatches built, builder->Next());
  ASSERT_EQ(built.destinations.size(), 2);
  EXPECT_EQ(built.destinations[0].destination, 1);
  EXPECT_THAT(Describe(built.destinations[0].batch),
              ElementsAre("4@1:0", "12@3:0", "5@5:0", "12@7:0"));
  EXPECT_EQ(built.destinations[1].destination, 0);
  EXPECT_THAT(Describe(built.destinations[1].batch), ElementsAre("4@1:0", "12@4:0", "5@5:0"));
  EXPECT_THAT(Describe(built.steps), ElementsAre("4@1:0", "5@5:0"));
}

// Events before the fault are delivered, then the fault, which stays.
void ExpectFault(const std::vector<std::string>& streams, const std::vector<std::string>& before,
                 const std::string& message) {
  const auto builder = Builder(streams);
  if (!before.empty()) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatches built, builder->Next());
    EXPECT_THAT(Describe(built.batch()), ::testing::ElementsAreArray(before));
  }
  EXPECT_THAT(builder->Next(), StatusIs(StatusCode::kDataLoss, HasSubstr(message)));
  EXPECT_THAT(builder->Next(), StatusIs(StatusCode::kDataLoss, HasSubstr(message)));
}

TEST(EventBuilder, NamesStreamTimestampAndOffsetOfAMissingTransition) {
  ExpectFault({L1(1) + Dgram(TransitionId::kEnable, 2), L1(1) + L1(3)}, {"12@1:0,1"},
              "stream 0: byte 24 (stream 0): Enable at timestamp 2 is missing in stream 1");
  ExpectFault({L1(3), L1(1) + Dgram(TransitionId::kEndRun, 2)}, {"12@1:1"},
              "byte 24 (stream 1): EndRun at timestamp 2 is missing in stream 0");
}

// The calls of on_skip when building goes on after faults.
std::vector<std::string> ToldOf(const std::vector<std::string>& streams,
                                const std::vector<std::string>& expected) {
  std::vector<std::string> told;
  EventBuilderOptions options;
  options.on_fault = dgram::OnFault::kSkipDatagram;
  options.on_skip = [&](const dgram::Skipped& skipped) {
    EXPECT_EQ(skipped.nbytes, 0);
    told.push_back(skipped.ToString());
  };
  const auto builder = Builder(streams, options);
  const Result<EventBatches> built = builder->Next();
  EXPECT_THAT(built, IsOk());
  EXPECT_EQ(Describe(built->batch()), expected);
  EXPECT_TRUE(builder->Next()->done());
  return told;
}

TEST(EventBuilder, GoesOnWithoutTheStreamThatLacksATransitionWhereAskedTo) {
  const std::string whole = L1(1) + Dgram(TransitionId::kEnable, 2) + L1(3);
  EXPECT_THAT(ToldOf({whole, L1(1) + L1(3), whole}, {"12@1:0,1,2", "8@2:0,2", "12@3:0,1,2"}),
              ElementsAre("stream 0: byte 24 (datagram 1): 0 bytes were skipped, timestamp 2: "
                          "Enable at timestamp 2 is missing in stream 1"));
  // The last datagram of a stream.
  EXPECT_EQ(ToldOf({L1(1) + Dgram(TransitionId::kEndRun, 2), L1(1)}, {"12@1:0,1", "5@2:0"}).size(),
            1U);
}

TEST(EventBuilder, MakesAnEventOfEachServiceOfATimestampWhereAskedTo) {
  const std::vector<std::string> told = ToldOf({L1(1) + Dgram(TransitionId::kDisable, 2) + L1(3),
                                                L1(1) + Dgram(TransitionId::kEnable, 2) + L1(3)},
                                               {"12@1:0,1", "9@2:0", "8@2:1", "12@3:0,1"});
  EXPECT_THAT(told, ElementsAre(HasSubstr("Enable at timestamp 2, where stream 0 has Disable"),
                                HasSubstr("Enable at timestamp 2 is missing in stream 0")));
}

TEST(EventBuilder, NamesStreamTimestampAndOffsetWhereTimeGoesBack) {
  ExpectFault({L1(1) + L1(5), L1(1) + L1(6) + L1(4)}, {"12@1:0,1", "12@5:0", "12@6:1"},
              "byte 48 (stream 1): timestamp 4 goes back: before it is 6");
}

TEST(EventBuilder, RefusesDifferentServicesAtOneTimestamp) {
  ExpectFault({L1(1) + L1(2), L1(1) + Dgram(TransitionId::kEnable, 2)}, {"12@1:0,1"},
              "byte 24 (stream 1): Enable at timestamp 2, where stream 0 has L1Accept");
}

TEST(EventBuilder, RefusesMoreEventsThanABatchTakes) {
  EventBuilderOptions options;
  options.batch_size = EventBuilderOptions::kMaxEvents + 1;
  EXPECT_THAT(EventBuilder::Make(Source({""}), options),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("1000001 events")));
  EXPECT_THAT(EventBuilder::Make(nullptr), StatusIs(StatusCode::kInvalidArgument));
}

TEST(EventBuilder, LosesNoEventWhenMemoryRunsOutForAWhile) {
  const std::string stream =
      Dgram(TransitionId::kBeginRun, 1) + L1(2) + L1(3) + Dgram(TransitionId::kEndRun, 4);
  const std::vector<std::string> expected = Events({stream, stream});
  for (int64_t fail_at = 1;; ++fail_at) {
    FaultInjectingMemoryPool pool(default_memory_pool());
    pool.fail_after(fail_at);
    EventBuilderOptions options;
    options.pool = &pool;
    options.destination = [](Timestamp) { return 7; };
    auto builder = *EventBuilder::Make(Source({stream, stream}), options);
    Result<EventBatches> built = builder->Next();
    const bool failed = !built.ok();
    if (failed) {
      EXPECT_THAT(built, StatusIs(StatusCode::kResourceExhausted));
      built = builder->Next();
    }
    ASSERT_THAT(built, IsOk());
    EXPECT_EQ(Describe(built->destinations.front().batch), expected) << "failure " << fail_at;
    EXPECT_EQ(built->steps.size(), 2);
    EXPECT_EQ(built->event_count, 4);
    if (!failed) break;
  }
}

// A source of several windows, each of which is destroyed when the next is asked for.
class Windows final : public SmdWindowSource {
 public:
  explicit Windows(std::vector<std::vector<std::string>> windows) : windows_(std::move(windows)) {}
  int stream_count() const override { return static_cast<int>(windows_.front().size()); }
  Result<SmdWindow> Next() override {
    if (next_ == windows_.size()) return SmdWindow();
    return Source(windows_[next_++])->Next();
  }

 private:
  const std::vector<std::vector<std::string>> windows_;
  size_t next_ = 0;
};

TEST(EventBuilder, ADestinationMayComeUpAfterAStreamHasEnded) {
  EventBuilderOptions options;
  options.destination = [](Timestamp timestamp) { return static_cast<int>(timestamp.value()); };
  const auto windows = std::make_shared<Windows>(
      std::vector<std::vector<std::string>>{{L1(1), L1(1)}, {L1(2), ""}, {L1(3), ""}});
  const auto builder = *EventBuilder::Make(windows, options);
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatches built, builder->Next());
  ASSERT_EQ(built.destinations.size(), 3);
  EXPECT_THAT(Describe(built.destinations[2].batch), ElementsAre("12@3:0"));
  EXPECT_EQ(built.destinations[2].batch.event(0).dgram(0).configuration()->names().size(), 1);
}

TEST(EventBuilder, ADestinationGetsTransitionsUnderTheConfigurationsOfTheirTime) {
  EventBuilderOptions options;
  options.destination = [](Timestamp) { return 5; };
  const auto builder = Builder(
      {Dgram(TransitionId::kBeginRun, 1) + Dgram(TransitionId::kConfigure, 2) + L1(3)}, options);
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatches built, builder->Next());
  const EventBatch& batch = built.destinations.front().batch;
  EXPECT_THAT(Describe(batch), ElementsAre("4@1:0", "2@2:0", "12@3:0"));
  EXPECT_EQ(batch.event(0).dgram(0).configuration()->names().size(), 1);
  EXPECT_EQ(batch.event(1).dgram(0).configuration()->names().size(), 0);
  EXPECT_EQ(batch.event(2).dgram(0).configuration()->names().size(), 0);
}

TEST(EventBuilder, BatchesOutliveBuilderAndSource) {
  EventBatch kept;
  {
    const auto builder = Builder({L1(1, "payload"), L1(1)});
    kept = builder->Next()->batch();
  }
  EXPECT_EQ(kept.event(0).dgram(0).size(), 31);
  EXPECT_FALSE(kept.event(0).dgram(0).owns_memory());
}

// Streams of a few datagrams each, of any size; each transition is in all streams.
std::vector<std::string> RandomStreams(std::mt19937* random, size_t count) {
  std::vector<std::string> streams(count, fixtures::SmdConfigure());
  for (uint64_t t = 1; t < 40; ++t) {
    const bool is_step = (*random)() % 5 == 0;
    for (std::string& stream : streams) {
      if (!is_step && (*random)() % 3 == 0) continue;
      const std::string payload((*random)() % 50, 'x');
      stream += Dgram(is_step ? TransitionId::kSlowUpdate : TransitionId::kL1Accept, t, payload);
    }
  }
  return streams;
}
std::shared_ptr<SmdReader> Reader(const std::vector<std::string>& streams,
                                  const SmdReaderOptions& options) {
  std::vector<std::unique_ptr<dgram::BatchReader>> readers;
  for (const std::string& stream : streams) {
    dgram::BatchReaderOptions reading;
    reading.batch_bytes = options.chunk_bytes;
    readers.push_back(*dgram::BatchReader::Open(Buffer::FromString(stream), reading));
  }
  return *SmdReader::Open(std::move(readers), options);
}
// Counts datagrams of `batch` whose reported place in their stream is wrong; where `known`, also
// those without a reported place.
int CountMisplaced(const EventBatch& batch, const std::vector<std::string>& streams,
                   bool known = true) {
  int misplaced = 0;
  for (const Event& event : batch) {
    event.ForEachDgram([&](int stream, const dgram::Dgram& dgram) {
      if (dgram.source() == "fake step") return;
      const int64_t byte = dgram::internal::SourceByteOf(dgram);
      const std::string& source = streams[static_cast<size_t>(stream)];
      if (byte < 0) {
        misplaced += known;
        return;
      }
      misplaced += source.compare(static_cast<size_t>(byte), static_cast<size_t>(dgram.size()),
                                  dgram.buffer()->ToString()) != 0;
    });
  }
  return misplaced;
}

// However they were cut and filtered, datagrams of events know their place. Sent to several
// destinations, they know it or say that they do not.
TEST(EventBuilder, FaultsOfEventsNameTheByteOfTheSmallDataTheyCameFrom) {
  std::mt19937 random(1);
  for (int run = 0; run < 200; ++run) {
    const auto streams = RandomStreams(&random, 1 + random() % 3);
    SmdReaderOptions reading;
    reading.batch_size = 1 + random() % 6;
    reading.chunk_bytes = 30 + static_cast<int64_t>(random() % 300);
    EventBuilderOptions building;
    building.batch_size = static_cast<int64_t>(random() % 8);
    const uint64_t destinations = random() % 3;
    if (destinations > 0) {
      building.destination = [=](Timestamp timestamp) {
        return static_cast<int>(timestamp.value() * 7 % 5 % destinations);
      };
    }
    if (random() % 2 == 0) {
      building.filter_timestamps.emplace();
      for (uint64_t t = random() % 3; t < 40; t += 1 + random() % 4) {
        building.filter_timestamps->emplace_back(t);
      }
    }
    const auto builder = *EventBuilder::Make(Reader(streams, reading), building);
    while (true) {
      ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatches built, builder->Next());
      if (built.done()) break;
      EXPECT_EQ(CountMisplaced(built.steps, streams), 0) << "run " << run;
      for (const auto& [destination, batch] : built.destinations) {
        EXPECT_EQ(CountMisplaced(batch, streams, destinations == 0), 0) << "run " << run;
      }
    }
  }
}

TEST(EventBuilder, FaultsOfEventsNameTheByteBesideFakeStepsToo) {
  std::string stream = fixtures::SmdConfigure() + Dgram(TransitionId::kEnable, 1);
  for (uint64_t t = 10; t < 200; t += 10) stream += L1(t, std::string(t % 7, 'x'));
  SmdReaderOptions reading;
  reading.batch_size = 2;
  reading.fake_steps = true;
  const std::vector<std::string> streams = {stream, stream};
  const auto builder = *EventBuilder::Make(Reader(streams, reading));
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatches built, builder->Next());
  EXPECT_GT(built.steps.size(), 20);
  EXPECT_EQ(CountMisplaced(built.batch(), streams), 0);
}

TEST(DgramBatchBuilder, FaultsOfItsDatagramsSayThatTheByteIsThatOfABatch) {
  const auto builder = Builder({L1(1) + L1(2, "slack")});
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatches built, builder->Next());
  const dgram::Dgram from_stream = built.batch().event(1).dgram(0);
  EXPECT_THAT(dgram::CheckDgram(from_stream),
              StatusIs(StatusCode::kDataLoss, HasSubstr("stream 0: byte 48 (datagram at byte 24, "
                                                        "event 1 of its batch): ")));
  DgramBatchBuilder own(1);
  ALKAID_ASSERT_OK(own.Append(0, from_stream));
  ALKAID_ASSERT_OK(own.EndEvent());
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatch batch, own.Finish());
  EXPECT_THAT(dgram::CheckDgram(batch.event(0).dgram(0)),
              StatusIs(StatusCode::kDataLoss, HasSubstr("stream 0: byte 24 of a batch made from it "
                                                        "(event 0, timestamp 2): ")));
  // A copy knows its place too.
  ALKAID_ASSERT_OK_AND_ASSIGN(const dgram::Dgram copy, from_stream.Copy());
  EXPECT_EQ(copy.offset(), 24);
}

}  // namespace
}  // namespace alkaid::events
