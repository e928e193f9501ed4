#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <utility>
#include <vector>

#include "alkaid/heap/reports/root_groups_internal.h"

namespace alkaid::heap {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Ranges = std::vector<AddressRange>;

int64_t BytesOf(Ranges ranges) { return Merge(&ranges); }

TEST(RootGroups, ByteThatSeveralRangesShareCountsOnce) {
  EXPECT_EQ(BytesOf({{100, 200}, {150, 250}}), 150);
  EXPECT_EQ(BytesOf({{100, 200}, {100, 200}, {100, 200}}), 100);
}

TEST(RootGroups, RangeInsideAnotherAddsNothing) {
  EXPECT_EQ(BytesOf({{100, 200}, {120, 130}}), 100);
  EXPECT_EQ(BytesOf({{120, 130}, {100, 200}, {190, 210}}), 110);
}

TEST(RootGroups, RangesApartAreAddedAndThoseThatTouchBecomeOne) {
  Ranges ranges = {{300, 310}, {200, 300}, {0, 10}, {50, 50}};
  EXPECT_EQ(Merge(&ranges), 120);
  EXPECT_THAT(ranges, ElementsAre(AddressRange(0, 10), AddressRange(200, 310)));
}

TEST(RootGroups, EmptyRangesShowNothing) {
  Ranges ranges = {{7, 7}, {9, 9}};
  EXPECT_EQ(Merge(&ranges), 0);
  EXPECT_THAT(ranges, IsEmpty());
  EXPECT_EQ(BytesOf({}), 0);
}

TEST(RootGroups, MergesAsCountingByteByByteDoes) {
  uint64_t random = 1;
  const auto next = [&random](uint64_t limit) {
    random = random * 6364136223846793005 + 1442695040888963407;
    return (random >> 33) % limit;
  };
  for (int round = 0; round < 200; ++round) {
    Ranges ranges;
    std::set<uint64_t> bytes;
    for (uint64_t i = 0, count = next(12); i < count; ++i) {
      const uint64_t first = next(100);
      const uint64_t last = first + next(20);
      ranges.emplace_back(first, last);
      for (uint64_t byte = first; byte < last; ++byte) bytes.insert(byte);
    }
    ASSERT_EQ(BytesOf(ranges), static_cast<int64_t>(bytes.size())) << "round " << round;
  }
}

HeapView View(uint64_t root, uint64_t root_data, int64_t root_size, uint64_t data, int64_t size) {
  HeapView view;
  view.root = root;
  view.root_data = root_data;
  view.root_size = root_size;
  view.data = data;
  view.size = size;
  return view;
}

TEST(RootGroups, OnlyWhatLiesInsideTheRootIsVisible) {
  EXPECT_EQ(VisibleRange(View(1, 1000, 100, 1010, 20), 100), AddressRange(1010, 1030));
  EXPECT_EQ(VisibleRange(View(1, 1000, 100, 1090, 20), 100), AddressRange(1090, 1100));
  EXPECT_EQ(VisibleRange(View(1, 1000, 100, 990, 20), 100), AddressRange(1000, 1010));
  const auto [first, last] = VisibleRange(View(1, 1000, 100, 2000, 20), 100);
  EXPECT_EQ(first, last);
}

TEST(RootGroups, GroupsViewsByTheRootThatTheyKeep) {
  std::vector<HeapView> views;
  constexpr uint64_t kRoots = 1000;
  for (uint64_t i = 0; i < 5 * kRoots; ++i) {
    const uint64_t root = i * 7 % kRoots;
    views.push_back(View(0x10000 + 72 * root, 0x7f0000000000 + 4096 * root, 4096, 0, 0));
  }
  RootGroups groups(views);
  ASSERT_EQ(groups.size(), kRoots);
  std::set<uint32_t> seen;
  for (size_t i = 0; i < groups.size(); ++i) {
    ASSERT_EQ(groups[i].size(), 5U);
    for (const uint32_t view : groups[i]) {
      seen.insert(view);
      EXPECT_EQ(views[view].root, views[groups[i].front()].root);
    }
  }
  EXPECT_EQ(seen.size(), views.size());
}

TEST(RootGroups, TellsTwoRootsApartWhoseBuffersWereAtOnePlaceOneAfterTheOther) {
  RootGroups groups({View(1, 1000, 100, 0, 0), View(1, 5000, 100, 0, 0), View(2, 1000, 100, 0, 0)});
  EXPECT_EQ(groups.size(), 3U);
}

TEST(RootGroups, ARootThatWasResizedInItsPlaceIsOneAndAsLargeAsItsLatestViewSawIt) {
  std::vector<HeapView> views = {View(1, 1000, 100, 0, 0), View(1, 1000, 500, 0, 0),
                                 View(1, 1000, 64, 0, 0)};
  views[0].birth_ns = 7;
  views[1].birth_ns = 9;
  views[2].birth_ns = 8;
  RootGroups groups(views);
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(RootBytes(views, groups[0]), 500);
}

TEST(RootGroups, OfNoViewsHasNoRoots) { EXPECT_EQ(RootGroups({}).size(), 0U); }

}  // namespace
}  // namespace alkaid::heap
