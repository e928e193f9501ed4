#include "alkaid/events/event_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "alkaid/core/buffers/foreign_buffer.h"
#include "alkaid/events/event_builder.h"
#include "alkaid/events/smd_reader.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_streams.h"
#include "fixtures/two_configurations.h"

namespace alkaid::events {
namespace {

using dgram::TransitionId;
using fixtures::Dgram;
using fixtures::L1;
using fixtures::Word;
using ::testing::HasSubstr;

using Configurations = std::vector<std::shared_ptr<const dgram::Configuration>>;

std::string Packed(const std::vector<std::string>& packets) {
  std::string block;
  for (const auto& packet : packets) block += packet;
  for (const auto& packet : packets) block += Word(static_cast<uint32_t>(packet.size()));
  return block + Word(static_cast<uint32_t>(packets.size()));
}
Result<EventBatch> Read(const std::string& bytes, int streams = 2) {
  return EventBatch::Make(Buffer::FromString(bytes), Configurations(static_cast<size_t>(streams)));
}

TEST(EventBatch, GivesItsEventsAndTheirDatagrams) {
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const EventBatch batch,
      Read(Packed({Packed({L1(3, "x"), ""}), Packed({L1(4), L1(4, "yy")})})));
  EXPECT_EQ(batch.size(), 2);
  EXPECT_EQ(batch.stream_count(), 2);
  std::vector<uint64_t> timestamps;
  for (const Event& event : batch) timestamps.push_back(event.timestamp().value());
  EXPECT_THAT(timestamps, ::testing::ElementsAre(3, 4));
  EXPECT_FALSE(batch.event(0).has(1));
  EXPECT_EQ(batch.event(1).dgram(1).size(), 26);
  EXPECT_EQ(batch.event(1).index(), 1);
}

TEST(EventBatch, OfNoBytesHasNoEvents) {
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatch batch, Read(""));
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.buffer(), nullptr);
  for (const Event& event : batch) FAIL() << event.index();
}

TEST(EventBatch, ReadsForeignMemoryWithoutACopyAndLetsItGoWithTheLastView) {
  const std::string bytes = Packed({Packed({L1(3, "x")})});
  auto owner = std::make_shared<std::string>(bytes);
  std::weak_ptr<std::string> alive = owner;
  auto foreign = *ForeignBuffer::Make(owner->data(), static_cast<int64_t>(owner->size()), owner);
  const void* const start = owner->data();
  owner.reset();
  dgram::Dgram kept;
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatch batch,
                                EventBatch::Make(std::move(foreign), Configurations(1)));
    kept = batch.event(0).dgram(0);
  }
  EXPECT_EQ(static_cast<const void*>(kept.data()), start);
  EXPECT_FALSE(alive.expired());
  kept = dgram::Dgram();
  EXPECT_TRUE(alive.expired());
}

TEST(EventBatch, TakesUpAConfigureThatItContains) {
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const EventBatch batch,
      Read(Packed({Packed({L1(1)}), Packed({fixtures::SmdConfigure(2)}), Packed({L1(3)})}), 1));
  EXPECT_EQ(batch.event(0).dgram(0).configuration(), nullptr);
  ASSERT_NE(batch.event(2).dgram(0).configuration(), nullptr);
  EXPECT_EQ(batch.event(2).dgram(0).configuration()->names().size(), 1);
}

// The stream begins in a window that is not the batch's first.
TEST(EventBatch, KnowsTheConfigurationOfAStreamThatBeginsInTheMidstOfIt) {
  std::vector<std::unique_ptr<dgram::BatchReader>> streams;
  for (const uint64_t begin : {1, 3}) {
    std::string run = fixtures::ConfigureValue(0, fixtures::kFloatType);
    for (uint64_t i = begin; i < 6; ++i) run += fixtures::Value(i, fixtures::kFloatType);
    streams.push_back(*dgram::BatchReader::Open(Buffer::FromString(run)));
  }
  SmdReaderOptions reading;
  reading.batch_size = 1;
  auto builder = *EventBuilder::Make(*SmdReader::Open(std::move(streams), reading));
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatches built, builder->Next());
  ASSERT_EQ(built.event_count, 5);
  ALKAID_ASSERT_OK_AND_ASSIGN(const Configurations configurations, built.batch().configurations());
  const auto bytes = Buffer::FromString(built.batch().buffer()->ToString());
  ALKAID_ASSERT_OK_AND_ASSIGN(const EventBatch again, EventBatch::Make(bytes, configurations));
  for (const Event& event : again) {
    event.ForEachDgram(
        [](int, const dgram::Dgram& dgram) { ALKAID_EXPECT_OK(fixtures::CheckValue(dgram)); });
  }
}

TEST(EventBatch, RefusesWhatIsMalformedNamingTheByte) {
  const auto refused = [](const std::string& bytes, const std::string& why) {
    EXPECT_THAT(Read(bytes), StatusIs(StatusCode::kDataLoss, HasSubstr(why))) << why;
  };
  refused(Packed({L1(1)}), "byte 20: footer of 12 packets");
  refused(Packed({Packed({L1(1)})}), "event 0 at byte 0): footer of 1 streams, expected 2");
  refused(Packed({Packed({"", ""})}), "no stream has a datagram");
  refused(Packed({Packed({L1(1), L1(2)})}), "byte 24 (event 0 at byte 0): timestamp 2 of stream 1");
  refused(Packed({Packed({L1(1).substr(0, 20), ""})}), "partial datagram");
  refused(Packed({Packed({L1(1) + "tail", ""})}), "datagram of 24 bytes, its footer says 28");
  refused(Packed({Packed({L1(1), L1(1)}), Packed({Dgram(TransitionId::kEnable, 2, "bad"), "x"})}),
          "byte 87 (datagram 1 at byte 87): partial datagram");
  refused(Packed({Packed({L1(1), Dgram(TransitionId::kEnable, 1)})}),
          "byte 24 (event 0 at byte 0): Enable of stream 1, the event is L1Accept");
  refused(Packed({}), "footer of no events");
  refused("abc", "block of 3 bytes");
  EXPECT_THAT(EventBatch::Make(nullptr, {}), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace alkaid::events
