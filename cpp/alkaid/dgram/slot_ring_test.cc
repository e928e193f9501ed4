#include "alkaid/dgram/slot_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/testing/matchers.h"
#include "fixtures/child_process.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The facility's side: some slots, and which of them came back.
class Facility {
 public:
  static constexpr int64_t kSlots = 4;
  static constexpr int64_t kSlotBytes = 64;

  Facility()
      : ring(SlotRing::Make("pebble", kSlots, [this](int64_t index) {
               const std::lock_guard lock(mutex_);
               given_back_.push_back(index);
             }).value()) {}

  RingSlot Slot(int64_t index, int64_t size = kSlotBytes) {
    return {index, memory_.data() + index * kSlotBytes, size};
  }
  std::shared_ptr<Buffer> Lend(int64_t index) { return ring->Lend(Slot(index)).value(); }
  std::vector<int64_t> given_back() {
    const std::lock_guard lock(mutex_);
    return given_back_;
  }

 private:
  std::array<uint8_t, kSlots* kSlotBytes> memory_ = {};
  std::mutex mutex_;
  std::vector<int64_t> given_back_;

 public:
  const std::shared_ptr<SlotRing> ring;
};

TEST(SlotRing, ASlotIsGivenBackOnceWhenItsLastViewGoes) {
  Facility facility;
  std::shared_ptr<Buffer> buffer = facility.Lend(2);
  EXPECT_EQ(buffer->data(), facility.Slot(2).data);
  EXPECT_EQ(buffer->size(), Facility::kSlotBytes);
  EXPECT_FALSE(buffer->is_mutable());
  std::shared_ptr<Buffer> slice = SliceBuffer(SliceBuffer(buffer, 8, 32), 4, 2);
  buffer.reset();
  EXPECT_THAT(facility.given_back(), IsEmpty());
  slice.reset();
  EXPECT_THAT(facility.given_back(), ElementsAre(2));
}

TEST(SlotRing, ASlotThatCameBackCanBeLentAgain) {
  Facility facility;
  for (int i = 0; i < 3; ++i) facility.Lend(1);
  EXPECT_THAT(facility.given_back(), ElementsAre(1, 1, 1));
}

TEST(SlotRing, ASlotThatIsPinnedIsNotLentTwice) {
  Facility facility;
  const auto buffer = facility.Lend(3);
  EXPECT_THAT(facility.ring->Lend(facility.Slot(3)),
              StatusIs(StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("pebble: slot 3"), HasSubstr("handed out twice"))));
  EXPECT_THAT(facility.given_back(), IsEmpty());
  EXPECT_EQ(facility.ring->counts().pinned, 1);
}

TEST(SlotRing, RefusesWhatIsNoSlotAndGivesNothingBack) {
  Facility facility;
  for (const int64_t index : {int64_t{-1}, Facility::kSlots, INT64_MAX, INT64_MIN}) {
    EXPECT_THAT(facility.ring->Lend({index, facility.Slot(0).data, 1}),
                StatusIs(StatusCode::kOutOfRange, HasSubstr(std::to_string(index) + " of 4")));
  }
  EXPECT_THAT(facility.ring->Lend({0, facility.Slot(0).data, -1}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("-1 bytes")));
  EXPECT_THAT(facility.ring->Lend({0, nullptr, 1}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("null")));
  EXPECT_THAT(facility.given_back(), IsEmpty());
  EXPECT_EQ(facility.ring->counts().lent, 0);
  EXPECT_THAT(SlotRing::Make("pebble", 0, [](int64_t) {}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("0 slots")));
  EXPECT_THAT(SlotRing::Make("pebble", 1, nullptr), StatusIs(StatusCode::kInvalidArgument));
}

TEST(SlotRing, ListsWhatIsPinnedAndWhoTookIt) {
  Facility facility;
  std::shared_ptr<Buffer> second;
  {
    const ScopedLabel label("monitor");
    second = facility.Lend(2);
  }
  uint32_t other_thread = 0;
  std::shared_ptr<Buffer> first;
  std::thread([&] {
    other_thread = static_cast<uint32_t>(::gettid());
    first = facility.Lend(0);
  }).join();
  const std::vector<PinnedSlot> pinned = facility.ring->PinnedSlots();
  ASSERT_THAT(pinned, SizeIs(2));
  EXPECT_EQ(pinned[0].index, 0);
  EXPECT_EQ(pinned[0].number, 2U);
  EXPECT_EQ(pinned[0].thread, other_thread);
  EXPECT_EQ(pinned[0].label, Label());
  EXPECT_EQ(pinned[1].index, 2);
  EXPECT_EQ(pinned[1].number, 1U);
  EXPECT_EQ(pinned[1].size, Facility::kSlotBytes);
  EXPECT_EQ(pinned[1].thread, static_cast<uint32_t>(::gettid()));
  EXPECT_STREQ(pinned[1].label.name(), "monitor");
  EXPECT_LE(pinned[1].lent_ns, pinned[0].lent_ns);
  EXPECT_THAT(facility.ring->ToString(),
              AllOf(HasSubstr("pebble: 2 of 4 slots pinned, 2 at most, 2 lent, 0 given back\n"),
                    HasSubstr("  slot 2 for "), HasSubstr(", label monitor, 64 bytes\n")));
  second.reset();
  EXPECT_THAT(facility.ring->PinnedSlots(), SizeIs(1));
}

TEST(SlotRing, CountsWhatIsLentAndWhatCameBack) {
  Facility facility;
  {
    const auto first = facility.Lend(0);
    const auto second = facility.Lend(1);
  }
  const auto third = facility.Lend(1);
  const SlotCounts counts = facility.ring->counts();
  EXPECT_EQ(counts.slots, 4);
  EXPECT_EQ(counts.pinned, 1);
  EXPECT_EQ(counts.most_pinned, 2);
  EXPECT_EQ(counts.lent, 3);
  EXPECT_EQ(counts.given_back, 2);
}

TEST(SlotRing, SaysWhenItIsFullAndWhichSlotHasBeenPinnedForLongest) {
  Facility facility;
  std::vector<std::shared_ptr<Buffer>> kept;
  for (const int64_t index : {2, 0, 1}) {
    kept.push_back(facility.Lend(index));
    ALKAID_EXPECT_OK(facility.ring->CheckNotFull());
  }
  kept.push_back(facility.Lend(3));
  EXPECT_THAT(facility.ring->CheckNotFull(),
              StatusIs(StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("views pin all 4"), HasSubstr("slot 2 for "))));
  kept.pop_back();
  ALKAID_EXPECT_OK(facility.ring->CheckNotFull());
}

TEST(SlotRing, LivesOnWhileViewsPinItsSlots) {
  auto held = std::make_shared<int>(7);  // what the callback holds
  std::vector<int64_t> back;
  auto ring = SlotRing::Make("pebble", 1, [held, &back](int64_t i) { back.push_back(i); }).value();
  const uint8_t byte = 1;
  std::shared_ptr<Buffer> view = ring->Lend({0, &byte, 1}).value();
  ring.reset();
  EXPECT_EQ(held.use_count(), 2);
  view.reset();
  EXPECT_THAT(back, ElementsAre(0));
  EXPECT_EQ(held.use_count(), 1);
}

// The owner fills a slot as soon as it comes back, and the next Lend finds it free.
TEST(SlotRing, ASlotCanBeLentAgainFromInsideTheCallback) {
  const uint8_t byte = 1;
  std::shared_ptr<SlotRing> ring;
  std::vector<Status> lent;
  ring = SlotRing::Make("pebble", 1, [&](int64_t index) {
           if (lent.size() < 3) lent.push_back(ring->Lend({index, &byte, 1}).status());
         }).value();
  ring->Lend({0, &byte, 1}).value();
  EXPECT_THAT(lent, ElementsAre(IsOk(), IsOk(), IsOk()));
  EXPECT_EQ(ring->counts().given_back, 4);
}

TEST(SlotRing, ViewsDroppedOnManyThreadsGiveEachSlotBackOnce) {
  constexpr int64_t kSlots = 64;
  constexpr int kRounds = 200;
  std::array<std::atomic<int>, kSlots> back = {};
  const uint8_t byte = 1;
  const auto ring = SlotRing::Make("pebble", kSlots, [&](int64_t index) {
                      back[static_cast<size_t>(index)].fetch_add(1);
                    }).value();
  for (int round = 1; round <= kRounds; ++round) {
    std::vector<std::shared_ptr<Buffer>> views;
    for (int64_t i = 0; i < kSlots; ++i) views.push_back(ring->Lend({i, &byte, 1}).value());
    // Each thread drops its references to each slot, so that any of them may be the last.
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([mine = views]() mutable {
        for (auto& view : mine) view.reset();
      });
    }
    views.clear();
    for (std::thread& thread : threads) thread.join();
    for (const auto& count : back) ASSERT_EQ(count.load(), round);
  }
  EXPECT_EQ(ring->counts().pinned, 0);
}

// The slots are the parent's: a child that drops its copies of views gives nothing back.
TEST(SlotRing, AForkedChildGivesNothingBackAndLendsNothing) {
  Facility facility;
  std::shared_ptr<Buffer> view = facility.Lend(1);
  const int code = ::alkaid::internal::RunInChild([&] {
    const StatusCode refused = facility.ring->Lend(facility.Slot(0)).status().code();
    view.reset();
    const bool none = facility.given_back().empty();
    return none && refused == StatusCode::kFailedPrecondition ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
  view.reset();
  EXPECT_THAT(facility.given_back(), ElementsAre(1));
}

}  // namespace
}  // namespace alkaid::dgram
