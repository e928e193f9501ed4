// Slots of a ring in the report of retention (heap/reports/retention_report.h); the planted fault
// is a small view that pins a slot.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "alkaid/dgram/ring_source.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/heap/reports/retention_report.h"
#include "alkaid/heap/tracking/tracking.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using heap::RetainedRoot;
using heap::RetentionHolder;
using heap::RetentionReport;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RingRetention : public ::testing::Test {
 protected:
  RingRetention() {
    ALKAID_EXPECT_OK(heap::StartTracking({.views = true}));
    ring_ = SlotRing::Make("pebble", 4, [](int64_t) {}).value();
    source_ =
        RingSource::Make(ring_, [this]() -> Result<std::optional<RingSlot>> {
          const int64_t slot = next_++;
          const std::string& bytes = slots_[slot] =
              (slot == 0 ? fixtures::Configure() : "") + fixtures::Event(7) + fixtures::Event(8);
          return std::optional<RingSlot>({slot, reinterpret_cast<const uint8_t*>(bytes.data()),
                                          static_cast<int64_t>(bytes.size())});
        }).value();
  }
  ~RingRetention() override { heap::StopTracking(); }

  static RetentionReport Take() { return RetentionReport::Take().value(); }

  int64_t next_ = 0;
  std::map<int64_t, std::string> slots_;
  std::shared_ptr<SlotRing> ring_;
  std::unique_ptr<RingSource> source_;
};

// The taker of a slot has one view of no bytes that lives as long as the slot is pinned. All other
// views are of holders.
const RetentionHolder* HolderOf(const RetainedRoot& root, int64_t visible_bytes) {
  for (const RetentionHolder& holder : root.holders) {
    if (holder.visible_bytes == visible_bytes) return &holder;
  }
  return nullptr;
}

TEST_F(RingRetention, ASlotThatASmallViewPinsIsListedWithWhoTookItAndWhoKeepsIt) {
  std::optional<ArrayView<uint32_t>> kept;
  {
    const ScopedLabel label("monitor");
    const DgramBatch batch = source_->Next().value();
    for (const Dgram& dgram : batch) {
      if (!dgram.is_l1_accept()) continue;
      const FieldHandle image = dgram.configuration()->Find("det", 0, "raw", "image").value();
      if (!kept.has_value()) kept = FindField(dgram, image)->Array<uint32_t>().value();
    }
  }
  const RetentionReport report = Take();
  ASSERT_THAT(report.roots(), SizeIs(1));
  const RetainedRoot& root = report.roots()[0];
  EXPECT_EQ(root.source, "pebble slot 0");
  EXPECT_EQ(root.source_offset, 0);
  EXPECT_EQ(root.held_bytes, static_cast<int64_t>(slots_[0].size()));
  EXPECT_EQ(root.address, reinterpret_cast<uint64_t>(slots_[0].data()));
  EXPECT_EQ(root.label, "monitor");
  EXPECT_EQ(root.visible_bytes, 24);
  EXPECT_EQ(root.first_visible_time_ns, 1'000'000'007U);

  const std::vector<PinnedSlot> pinned = ring_->PinnedSlots();
  ASSERT_THAT(pinned, SizeIs(1));
  const RetentionHolder* const taker = HolderOf(root, 0);
  ASSERT_NE(taker, nullptr);
  EXPECT_EQ(taker->thread, pinned[0].thread);
  EXPECT_GE(taker->oldest_ns, pinned[0].lent_ns);
  EXPECT_EQ(root.oldest_ns, taker->oldest_ns);
  const RetentionHolder* const keeper = HolderOf(root, 24);
  ASSERT_NE(keeper, nullptr);
  EXPECT_NE(keeper->stack, taker->stack);
  heap::RetentionTextOptions whole;
  whole.all_frames = true;
  EXPECT_THAT(report.ToString(whole),
              AllOf(HasSubstr("monitor"), HasSubstr("pebble slot 0 from byte 0"),
                    HasSubstr("1 view of 24 bytes"), HasSubstr("1 view of 0 bytes"),
                    HasSubstr("RingSource::Next")));
  kept.reset();
  EXPECT_THAT(Take().roots(), IsEmpty());
}

TEST_F(RingRetention, ASlotThatNobodySlicesIsListedToo) {
  std::string bytes(1000, 'x');
  std::shared_ptr<Buffer> whole =
      ring_->Lend({3, reinterpret_cast<const uint8_t*>(bytes.data()), 1000}).value();
  const RetentionReport report = Take();
  ASSERT_THAT(report.roots(), SizeIs(1));
  EXPECT_EQ(report.roots()[0].held_bytes, 1000);
  whole.reset();
  EXPECT_THAT(Take().roots(), IsEmpty());
  EXPECT_EQ(heap::MeasureRetention()->views, 0);
}

TEST_F(RingRetention, EachPinnedSlotIsARootAndNoOther) {
  std::vector<Dgram> kept;
  for (int i = 0; i < 4; ++i) {
    const DgramBatch batch = source_->Next().value();
    if (i != 2) kept.push_back(*batch.begin());
  }
  const RetentionReport report = Take();
  EXPECT_THAT(report.roots(), SizeIs(3));
  EXPECT_EQ(ring_->counts().pinned, 3);
  for (const RetainedRoot& root : report.roots()) {
    EXPECT_NE(root.source, "pebble slot 2");
    EXPECT_THAT(root.source, HasSubstr("pebble slot "));
  }
}

}  // namespace
}  // namespace alkaid::dgram
