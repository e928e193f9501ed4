#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/heap/reports/retained_sources_internal.h"
#include "fixtures/made_heap.h"

namespace alkaid::heap {
namespace {

HeapContents Contents(std::vector<HeapSource> sources, std::vector<HeapTime> times) {
  HeapContents contents = fixtures::EmptyContents("sources");
  contents.has_views = true;
  contents.sources = std::move(sources);
  contents.times = std::move(times);
  return contents;
}

RetainedRoot Named(const HeapContents& contents, uint64_t address, int64_t size,
                   const std::vector<AddressRange>& visible) {
  EXPECT_TRUE(HeapSnapshot::Make(contents).ok());
  RetainedRoot root;
  root.address = address;
  root.held_bytes = size;
  RetainedSources(contents).Name(visible, &root);
  return root;
}

TEST(RetainedSources, ARootOfNoSourceHasNoNameAndNoTimes) {
  const HeapContents contents = Contents({{1000, 100, 0, "a", 0, 1}}, {{1000, 5}});
  for (const uint64_t address : {900U, 1100U}) {
    const RetainedRoot root = Named(contents, address, 100, {{address, address + 100}});
    EXPECT_EQ(root.source, "");
    EXPECT_EQ(root.source_offset, -1);
    EXPECT_EQ(root.first_time_ns, kNoTime);
    EXPECT_EQ(root.last_visible_time_ns, kNoTime);
  }
}

TEST(RetainedSources, ARootInsideASourceBeginsWhereItsOwnFirstByteIsFrom) {
  const HeapContents contents =
      Contents({{1000, 400, 70, "a", 0, 4}}, {{1000, 1}, {1100, 2}, {1200, 3}, {1300, 4}});
  const RetainedRoot root = Named(contents, 1150, 100, {{1150, 1160}});
  EXPECT_EQ(root.source, "a");
  EXPECT_EQ(root.source_offset, 220);
  EXPECT_EQ(root.first_time_ns, 2U);
  EXPECT_EQ(root.last_time_ns, 3U);
  EXPECT_EQ(root.first_visible_time_ns, 2U);
  EXPECT_EQ(root.last_visible_time_ns, 2U);
}

TEST(RetainedSources, LeastAndGreatestAreToldWhateverTheOrderOfTheTimes) {
  const HeapContents contents =
      Contents({{1000, 400, 0, "a", 0, 4}}, {{1000, 50}, {1100, 90}, {1200, 0}, {1300, 60}});
  const RetainedRoot root = Named(contents, 1000, 400, {{1100, 1101}, {1399, 1400}});
  EXPECT_EQ(root.first_time_ns, 0U);
  EXPECT_EQ(root.last_time_ns, 90U);
  EXPECT_EQ(root.first_visible_time_ns, 60U);
  EXPECT_EQ(root.last_visible_time_ns, 90U);
}

TEST(RetainedSources, BytesOfTwoTimesMayBeOfAnyBetweenThem) {
  const HeapContents contents =
      Contents({{1000, 400, 0, "a", 0, 4}}, {{1000, 10}, {1000, 19}, {1200, 20}, {1200, 29}});
  const RetainedRoot root = Named(contents, 1000, 400, {{1100, 1110}});
  EXPECT_EQ(root.first_visible_time_ns, 10U);
  EXPECT_EQ(root.last_visible_time_ns, 19U);
}

TEST(RetainedSources, WhatLiesBetweenSourcesHasNoTime) {
  const HeapContents contents =
      Contents({{1000, 100, 0, "a", 0, 1}, {1200, 100, -1, "b", 1, 1}}, {{1000, 5}, {1200, 6}});
  const RetainedRoot root = Named(contents, 1000, 300, {{1100, 1200}});
  EXPECT_EQ(root.first_time_ns, 5U);
  EXPECT_EQ(root.last_time_ns, 6U);
  EXPECT_EQ(root.first_visible_time_ns, kNoTime);
  EXPECT_EQ(Named(contents, 1100, 150, {{1100, 1201}}).source, "b");
  EXPECT_EQ(Named(contents, 1100, 150, {{1100, 1201}}).source_offset, -1);
}

// The result of a search byte by byte: for each byte, the times of its source at the last marked
// address that is not past the byte, or else the first times of the source.
std::pair<uint64_t, uint64_t> ByteByByte(const HeapContents& contents, uint64_t first,
                                         uint64_t last) {
  uint64_t least = kNoTime;
  uint64_t greatest = 0;
  for (uint64_t byte = first; byte < last; ++byte) {
    for (const HeapSource& source : contents.sources) {
      if (byte < source.address || byte - source.address >= static_cast<uint64_t>(source.size)) {
        continue;
      }
      if (source.time_count == 0) continue;
      uint64_t place = contents.times[source.first_time].address;
      for (uint64_t i = 0; i < source.time_count; ++i) {
        const uint64_t address = contents.times[source.first_time + i].address;
        if (address <= byte) place = address;
      }
      for (uint64_t i = 0; i < source.time_count; ++i) {
        const HeapTime& time = contents.times[source.first_time + i];
        if (time.address != place) continue;
        least = std::min(least, time.time_ns);
        greatest = std::max(greatest, time.time_ns);
      }
    }
  }
  return {least, least == kNoTime ? kNoTime : greatest};
}

TEST(RetainedSources, TellsWhatLookingAtEachByteWouldTell) {
  uint64_t random = 1;
  const auto next = [&random](uint64_t limit) {
    random = random * 6364136223846793005 + 1442695040888963407;
    return (random >> 33) % limit;
  };
  for (int round = 0; round < 100; ++round) {
    HeapContents contents = Contents({}, {});
    uint64_t end = 100;
    for (uint64_t i = 0, count = next(5); i < count; ++i) {
      const uint64_t address = end + next(3);
      end = address + 1 + next(300);
      const uint64_t first_time = contents.times.size();
      for (uint64_t at = address + next(2); at < end; at += 1 + next(3)) {
        contents.times.push_back({at, next(1000)});
        if (next(4) == 0) contents.times.push_back({at, next(1000)});
      }
      contents.sources.push_back({address, static_cast<int64_t>(end - address), 0, "a", first_time,
                                  contents.times.size() - first_time});
    }
    for (int i = 0; i < 5; ++i) {
      const uint64_t first = 90 + next(end - 90);
      const uint64_t last = first + 1 + next(end + 10 - first);
      const RetainedRoot root =
          Named(contents, first, static_cast<int64_t>(last - first), {{first, last}});
      const auto [least, greatest] = ByteByByte(contents, first, last);
      ASSERT_EQ(root.first_time_ns, least) << "round " << round;
      ASSERT_EQ(root.last_time_ns, greatest) << "round " << round;
      ASSERT_EQ(root.first_visible_time_ns, least) << "round " << round;
      ASSERT_EQ(root.last_visible_time_ns, greatest) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace alkaid::heap
