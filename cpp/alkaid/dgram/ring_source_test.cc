#include "alkaid/dgram/ring_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/dgram/array_view.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/child_process.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A ring in this process. What is pushed goes to the lowest free slot, in order, or waits for one.
class Pebble {
 public:
  explicit Pebble(int64_t slots, RingSourceOptions options = {})
      : ring(SlotRing::Make("pebble", slots, [this](int64_t slot) { Free(slot); }).value()),
        source(RingSource::Make(
                   ring, [this] { return Take(); }, std::move(options))
                   .value()) {
    for (int64_t i = 0; i < slots; ++i) free_.push_back(i);
  }

  void Push(std::string bytes) { waiting_.push_back(std::move(bytes)); }
  void FailOnce(Status status) { failure_ = std::move(status); }
  const std::vector<int64_t>& given_back() const { return given_back_; }

 private:
  Result<std::optional<RingSlot>> Take() {
    if (!failure_.ok()) return std::exchange(failure_, absl::OkStatus());
    if (waiting_.empty()) return std::optional<RingSlot>();
    EXPECT_FALSE(free_.empty());
    const int64_t slot = free_.front();
    free_.pop_front();
    std::string& bytes = slots_[slot] = std::move(waiting_.front());
    waiting_.pop_front();
    return RingSlot{slot, reinterpret_cast<const uint8_t*>(bytes.data()),
                    static_cast<int64_t>(bytes.size())};
  }
  // Overwrites what the slot had, as its owner would.
  void Free(int64_t slot) {
    std::fill(slots_[slot].begin(), slots_[slot].end(), '\xdd');
    given_back_.push_back(slot);
    free_.push_back(slot);
  }

  std::deque<std::string> waiting_;
  std::deque<int64_t> free_;
  std::map<int64_t, std::string> slots_;
  std::vector<int64_t> given_back_;
  Status failure_;

 public:
  const std::shared_ptr<SlotRing> ring;
  const std::unique_ptr<RingSource> source;
};

uint32_t NumberOf(const Dgram& event) { return event.timestamp().nanoseconds(); }

TEST(RingSource, GivesTheDatagramsOfEachSlotInOrder) {
  Pebble pebble(2);
  pebble.Push(fixtures::Configure() + fixtures::Event(0));
  for (uint32_t i = 1; i < 100; ++i) pebble.Push(fixtures::Event(i));
  int64_t dgrams = 0;
  while (true) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, pebble.source->Next());
    if (batch.empty()) break;
    EXPECT_EQ(batch.first_index(), dgrams);
    for (const Dgram& dgram : batch) {
      ALKAID_ASSERT_OK(CheckDgram(dgram));
      EXPECT_EQ(dgram.index(), dgrams);
      if (dgram.is_l1_accept()) {
        EXPECT_EQ(NumberOf(dgram) + 1, dgrams);
      }
      ++dgrams;
    }
  }
  EXPECT_EQ(dgrams, 101);
  EXPECT_EQ(pebble.source->next_index(), 101);
  EXPECT_EQ(pebble.ring->counts().most_pinned, 1);
  EXPECT_EQ(pebble.ring->counts().given_back, 100);
  EXPECT_TRUE(pebble.source->Next()->empty());
}

TEST(RingSource, EveryKindOfViewPinsItsSlotAndNothingElse) {
  Pebble pebble(8);
  pebble.Push(fixtures::Configure());
  for (uint32_t i = 0; i < 5; ++i) pebble.Push(fixtures::Event(i));
  EXPECT_FALSE(pebble.source->Next()->empty());
  EXPECT_THAT(pebble.given_back(), ElementsAre(0));  // a Configuration copies what it needs

  std::optional<DgramBatch> batch = pebble.source->Next().value();             // slot 1
  std::optional<Dgram> dgram = *pebble.source->Next()->begin();                // slot 2
  std::shared_ptr<Buffer> slice = (*pebble.source->Next()->begin()).buffer();  // slot 3
  std::optional<ArrayView<uint32_t>> array;                                    // slot 4
  {
    const DgramBatch of_array = pebble.source->Next().value();
    const Dgram event = *of_array.begin();
    const FieldHandle image = event.configuration()->Find("det", 0, "raw", "image").value();
    array = FindField(event, image)->Array<uint32_t>().value();
  }
  EXPECT_FALSE(pebble.source->Next()->empty());  // slot 5, dropped at once
  EXPECT_THAT(pebble.given_back(), ElementsAre(0, 5));
  EXPECT_EQ((*array)[0], 3U);

  batch.reset();
  dgram.reset();
  EXPECT_THAT(pebble.given_back(), ElementsAre(0, 5, 1, 2));
  std::thread([&] { array.reset(); }).join();
  std::thread([&] { slice.reset(); }).join();
  EXPECT_THAT(pebble.given_back(), ElementsAre(0, 5, 1, 2, 4, 3));
}

TEST(RingSource, AFullRingIsBackPressureAndNothingIsLost) {
  Pebble pebble(3);
  pebble.Push(fixtures::Configure() + fixtures::Event(0));
  for (uint32_t i = 1; i < 10; ++i) pebble.Push(fixtures::Event(i));
  std::deque<DgramBatch> kept;
  for (int i = 0; i < 3; ++i) kept.push_back(pebble.source->Next().value());
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(pebble.source->Next(),
                StatusIs(StatusCode::kResourceExhausted,
                         AllOf(HasSubstr("pebble: no slot is free: views pin all 3"),
                               HasSubstr("slot 0 for "))));
  }
  std::vector<uint32_t> numbers = {0, 1, 2};
  while (true) {
    kept.pop_front();
    kept.push_back(pebble.source->Next().value());
    if (kept.back().empty()) break;
    numbers.push_back(NumberOf(*kept.back().begin()));
  }
  EXPECT_THAT(numbers, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST(RingSource, AConfigureInASlotBeginsABatchAndCountsForTheSlotsThatFollow) {
  Pebble pebble(2);
  pebble.Push(fixtures::Configure() + fixtures::Event(0) + fixtures::Configure() +
              fixtures::Event(1));
  pebble.Push(fixtures::Event(2));
  std::vector<int64_t> sizes;
  std::vector<std::shared_ptr<const Configuration>> configurations;
  for (int i = 0; i < 3; ++i) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, pebble.source->Next());
    sizes.push_back(batch.size());
    configurations.push_back(batch.origin()->configuration);
  }
  EXPECT_THAT(sizes, ElementsAre(2, 2, 1));
  EXPECT_NE(configurations[0], configurations[1]);
  EXPECT_EQ(configurations[1], configurations[2]);
  EXPECT_EQ(pebble.source->configuration(), configurations[2]);
}

TEST(RingSource, AFaultNamesRingSlotAndByteAndComesAfterAllBeforeIt) {
  Pebble pebble(4);
  pebble.Push(fixtures::Configure());
  const std::string event = fixtures::Event(0);
  pebble.Push(event + event.substr(0, 30));
  pebble.Push(fixtures::Event(2));
  EXPECT_EQ(pebble.source->Next()->size(), 1);
  EXPECT_EQ(pebble.source->Next()->size(), 1);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(pebble.source->Next(),
                StatusIs(StatusCode::kDataLoss,
                         HasSubstr(absl::StrCat("pebble slot 1: byte ", event.size(),
                                                " (datagram 2 at byte ", event.size(), "): "))));
  }
  EXPECT_THAT(pebble.given_back(), ElementsAre(0, 1));
}

// The numbers of all events that a source delivers until its end.
std::vector<uint32_t> EventsOf(RingSource& source) {
  std::vector<uint32_t> numbers;
  while (true) {
    const Result<DgramBatch> batch = source.Next();
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok() || batch->empty()) return numbers;
    for (const Dgram& dgram : *batch) {
      EXPECT_EQ(CheckDgram(dgram), absl::OkStatus());
      if (dgram.is_l1_accept()) numbers.push_back(NumberOf(dgram));
    }
  }
}

TEST(RingSource, GoesOnBehindMalformedDatagramsWhereAskedAndGivesEachSlotBack) {
  std::vector<Skipped> told;
  Pebble pebble(2, {.on_fault = OnFault::kSkipDatagram,
                    .on_skip = [&](const Skipped& skipped) { told.push_back(skipped); }});
  const std::string event = fixtures::Event(1);
  const std::string undeclared =
      fixtures::Dgram(TransitionId::kL1Accept, fixtures::ShapesData(7, "", "data"), 2);
  pebble.Push(fixtures::Configure() + fixtures::Event(0));
  pebble.Push(event + undeclared + fixtures::Event(3));
  pebble.Push(undeclared);                                // all of it is left out
  pebble.Push(fixtures::Event(4) + event.substr(0, 30));  // cut
  pebble.Push(std::string(200, '\xff'));                  // never filled
  pebble.Push(fixtures::Event(5));
  EXPECT_THAT(EventsOf(*pebble.source), ElementsAre(0, 1, 3, 4, 5));
  EXPECT_THAT(pebble.given_back(), ElementsAre(0, 1, 0, 1, 0, 1));
  EXPECT_EQ(pebble.ring->counts().pinned, 0);

  ASSERT_EQ(told.size(), 4U);
  const auto size = static_cast<int64_t>(undeclared.size());
  EXPECT_EQ(told[0].source, "pebble slot 1");
  EXPECT_EQ(told[0].byte, static_cast<int64_t>(event.size()));
  EXPECT_EQ(told[0].nbytes, size);
  EXPECT_EQ(told[0].dgram_index, 3);
  EXPECT_EQ(told[0].timestamp, Timestamp(1, 2));
  EXPECT_EQ(told[0].previous, Timestamp(1, 1));
  EXPECT_THAT(told[0].why, HasSubstr("which the Configure does not declare"));
  EXPECT_EQ(told[1].nbytes, size);
  EXPECT_EQ(told[1].previous, Timestamp(1, 3));
  EXPECT_EQ(told[2].nbytes, 30);
  EXPECT_EQ(told[2].timestamp, std::nullopt);
  EXPECT_THAT(told[2].why, HasSubstr("partial datagram"));
  EXPECT_EQ(told[3].byte, 0);
  EXPECT_EQ(told[3].nbytes, 200);
  EXPECT_EQ(told[3].previous, Timestamp(1, 4));
  EXPECT_EQ(pebble.source->skipped().places, 4);
  EXPECT_EQ(pebble.source->skipped().nbytes, 2 * size + 230);
  EXPECT_EQ(pebble.source->skipped().slots, 4);
  EXPECT_EQ(pebble.source->next_index(), 10);
}

TEST(RingSource, ReadsNothingUnderTheConfigurationBeforeOneThatWasLeftOut) {
  Pebble pebble(2, {.on_fault = OnFault::kSkipDatagram});
  pebble.Push(fixtures::Configure() + fixtures::Event(0));
  const std::string names = fixtures::Configure().substr(kDgramHeaderBytes);
  pebble.Push(fixtures::Dgram(TransitionId::kConfigure, names.substr(0, 12) + names.substr(100)));
  pebble.Push(fixtures::Event(1));
  pebble.Push(fixtures::Configure() + fixtures::Event(2));
  EXPECT_THAT(EventsOf(*pebble.source), ElementsAre(0, 2));
  EXPECT_EQ(pebble.source->skipped().places, 2);
  EXPECT_EQ(pebble.source->skipped().slots, 2);
}

TEST(RingSource, FindsTheNextDatagramOfTheSlotWhereAskedTo) {
  Pebble pebble(1, {.on_fault = OnFault::kResync});
  pebble.Push(fixtures::Configure());
  pebble.Push(fixtures::Event(0) + std::string(100, '\xff') + fixtures::Event(1));
  pebble.Push(fixtures::Event(2));
  EXPECT_THAT(EventsOf(*pebble.source), ElementsAre(0, 1, 2));
  EXPECT_EQ(pebble.source->skipped().nbytes, 100);
}

TEST(RingSource, DataBeforeAnyConfigureIsAFaultUnlessAskedOtherwise) {
  Pebble strict(1);
  strict.Push(fixtures::Event(0));
  EXPECT_THAT(strict.source->Next(),
              StatusIs(StatusCode::kDataLoss, HasSubstr("before any Configure")));
  Pebble lenient(1, {.require_configuration = false, .first_index = 7});
  lenient.Push(fixtures::Event(0));
  ALKAID_ASSERT_OK_AND_ASSIGN(const DgramBatch batch, lenient.source->Next());
  EXPECT_EQ(batch.first_index(), 7);
}

TEST(RingSource, AnEmptySlotGoesBackAndTheNextIsTaken) {
  Pebble pebble(2);
  pebble.Push("");
  pebble.Push(fixtures::Configure());
  EXPECT_EQ(pebble.source->Next()->size(), 1);
  EXPECT_THAT(pebble.given_back(), ElementsAre(0, 1));
}

TEST(RingSource, WhatTakingFailsWithIsPassedOnAndAskedAgain) {
  Pebble pebble(1);
  pebble.Push(fixtures::Configure());
  pebble.FailOnce(absl::UnavailableError("the writer is gone"));
  EXPECT_THAT(pebble.source->Next(), StatusIs(StatusCode::kUnavailable, "the writer is gone"));
  EXPECT_EQ(pebble.source->Next()->size(), 1);
  EXPECT_TRUE(pebble.source->Next()->empty());
}

TEST(RingSource, AForkedChildTakesNoSlot) {
  Pebble pebble(1);
  pebble.Push(fixtures::Configure());
  pebble.FailOnce(absl::UnavailableError("it was asked"));
  const int code = ::alkaid::internal::RunInChild([&pebble] {
    const StatusCode refused = pebble.source->Next().status().code();
    return refused == StatusCode::kFailedPrecondition ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
  EXPECT_THAT(pebble.source->Next(), StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(pebble.source->Next()->size(), 1);
}

// A ring whose other side breaks the rules.
TEST(RingSource, ASlotThatIsHandedOutTwiceIsRefusedAndTheNextOneIsTaken) {
  std::vector<int64_t> back;
  const std::string bytes = fixtures::Configure();
  const auto* const data = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto size = static_cast<int64_t>(bytes.size());
  std::deque<RingSlot> handed_out = {
      {0, data, size}, {0, data, size}, {99, data, size}, {1, data, -5}, {1, data, size}};
  const auto ring = SlotRing::Make("pebble", 3, [&](int64_t i) { back.push_back(i); }).value();
  const auto source = RingSource::Make(ring, [&]() -> Result<std::optional<RingSlot>> {
                        const RingSlot slot = handed_out.front();
                        handed_out.pop_front();
                        return std::optional<RingSlot>(slot);
                      }).value();
  const DgramBatch kept = source->Next().value();
  EXPECT_THAT(source->Next(),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("slot 0 was handed out twice")));
  EXPECT_THAT(source->Next(), StatusIs(StatusCode::kOutOfRange, HasSubstr("slot 99 of 3")));
  EXPECT_THAT(back, IsEmpty());
  EXPECT_THAT(source->Next(), StatusIs(StatusCode::kInvalidArgument, HasSubstr("-5 bytes")));
  EXPECT_THAT(back, ElementsAre(1));  // slot 1 was the source's, which gives it back
  EXPECT_EQ(source->Next()->size(), 1);
  EXPECT_THAT(RingSource::Make(nullptr, [] { return std::optional<RingSlot>(); }),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(RingSource::Make(ring, nullptr), StatusIs(StatusCode::kInvalidArgument));
}

TEST(RingSource, ViewsOutliveTheSource) {
  std::optional<Dgram> kept;
  std::vector<int64_t> back;
  const std::string bytes = fixtures::Configure() + fixtures::Event(5);
  {
    bool taken = false;
    const auto source =
        RingSource::Make(
            SlotRing::Make("pebble", 1, [&](int64_t i) { back.push_back(i); }).value(),
            [&]() -> Result<std::optional<RingSlot>> {
              if (std::exchange(taken, true)) return std::optional<RingSlot>();
              return std::optional<RingSlot>({0, reinterpret_cast<const uint8_t*>(bytes.data()),
                                              static_cast<int64_t>(bytes.size())});
            })
            .value();
    const DgramBatch batch = source->Next().value();
    for (const Dgram& dgram : batch) kept = dgram;
  }
  EXPECT_THAT(back, IsEmpty());
  EXPECT_EQ(NumberOf(*kept), 5U);
  kept.reset();
  EXPECT_THAT(back, ElementsAre(0));
}

}  // namespace
}  // namespace alkaid::dgram
