#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "alkaid/heap/reports/retained_sources_internal.h"
#include "alkaid/heap/tracking/clock_internal.h"
#include "alkaid/heap/tracking/source_notes_internal.h"

namespace alkaid::heap {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SourceNotesTest : public ::testing::Test {
 protected:
  SourceNotesTest() { SourceNotes::Get().Clear(); }
  ~SourceNotesTest() override { SourceNotes::Get().Clear(); }

  static const char* At(uint64_t address) { return reinterpret_cast<const char*>(address); }
  static void Add(uint64_t address, int64_t size, const char* source,
                  std::vector<SourceTime> times = {}) {
    AddFrom(address, size, source, 70, std::move(times));
  }
  static void AddFrom(uint64_t address, int64_t size, const char* source, int64_t offset,
                      std::vector<SourceTime> times = {}) {
    SourceNotes::Get().Add({At(address), size, source, offset, times});
  }
  static HeapContents Contents() {
    HeapContents contents;
    CopySourceNotes(UINT64_MAX, &contents);
    return contents;
  }
  // "address size offset" of each source.
  static std::vector<std::string> Sources() {
    std::vector<std::string> all;
    for (const HeapSource& source : Contents().sources) {
      all.push_back(std::to_string(source.address) + " " + std::to_string(source.size) + " " +
                    std::to_string(source.offset));
    }
    return all;
  }
  // "address time" of each time.
  static std::vector<std::string> Times() {
    std::vector<std::string> all;
    for (const HeapTime& time : Contents().times) {
      all.push_back(std::to_string(time.address) + " " + std::to_string(time.time_ns));
    }
    return all;
  }
};

TEST_F(SourceNotesTest, ANoteIsKeptUntilARootOverItsBytesIsReleased) {
  Add(0x2000, 100, "b.xtc2");
  Add(0x1000, 100, "a.xtc2", {{0, 5}, {40, 6}});
  const HeapContents contents = Contents();
  ASSERT_EQ(contents.sources.size(), 2U);
  EXPECT_EQ(contents.sources[0].name, "a.xtc2");
  EXPECT_EQ(contents.sources[0].offset, 70);
  EXPECT_EQ(contents.sources[0].time_count, 2U);
  EXPECT_EQ(contents.times[1].address, 0x1000U + 40);
  EXPECT_EQ(contents.times[1].time_ns, 6U);
  EXPECT_EQ(contents.sources[1].address, 0x2000U);

  SourceNotes::Get().Release(At(0xf00), 0x200);
  ASSERT_EQ(Contents().sources.size(), 1U);
  EXPECT_EQ(Contents().sources[0].name, "b.xtc2");
}

TEST_F(SourceNotesTest, ARootBesideItLeavesANoteAlone) {
  Add(0x1000, 100, "a.xtc2");
  SourceNotes::Get().Release(At(0x1000 + 100), 100);
  SourceNotes::Get().Release(At(0x1000 - 100), 100);
  SourceNotes::Get().Release(At(0x1000), 0);
  EXPECT_EQ(Contents().sources.size(), 1U);
}

TEST_F(SourceNotesTest, ALaterNoteOverItsBytesTakesItsPlace) {
  Add(0x1000, 100, "old.xtc2");
  Add(0x1040, 10, "new.xtc2");
  ASSERT_EQ(Contents().sources.size(), 1U);
  EXPECT_EQ(Contents().sources[0].name, "new.xtc2");
}

TEST_F(SourceNotesTest, BatchesThatFollowEachOtherInMemoryAndInTheSourceAreOneNote) {
  AddFrom(1000, 100, "a.xtc2", 0, {{0, 5}, {40, 6}});
  AddFrom(1200, 50, "a.xtc2", 200, {{0, 9}});
  AddFrom(1100, 100, "a.xtc2", 100, {{0, 7}, {50, 8}});
  EXPECT_THAT(Sources(), ElementsAre("1000 250 0"));
  EXPECT_THAT(Times(), ElementsAre("1000 5", "1040 6", "1100 7", "1150 8", "1200 9"));
}

TEST_F(SourceNotesTest, NeighboursOfOtherSourcesOrPlacesStayApart) {
  AddFrom(1000, 100, "a.xtc2", 0);
  AddFrom(1100, 100, "a.xtc2", 500);
  AddFrom(1200, 100, "b.xtc2", 600);
  AddFrom(1300, 100, "b.xtc2", -1);
  AddFrom(1400, 100, "b.xtc2", -1);
  EXPECT_EQ(Sources().size(), 5U);
}

TEST_F(SourceNotesTest, WhatIsReadAgainIsOfTheLaterTimes) {
  AddFrom(1000, 400, "a.xtc2", 0, {{0, 1}, {100, 2}, {200, 3}, {300, 4}});
  AddFrom(1100, 100, "a.xtc2", 100, {{0, 22}, {50, 23}});
  EXPECT_THAT(Sources(), ElementsAre("1000 400 0"));
  EXPECT_THAT(Times(), ElementsAre("1000 1", "1100 22", "1150 23", "1200 3", "1300 4"));
  AddFrom(1000, 400, "a.xtc2", 0, {{0, 7}});
  EXPECT_THAT(Times(), ElementsAre("1000 7"));
}

TEST_F(SourceNotesTest, ARootOverAPartOfANoteTakesThatPartWithIt) {
  AddFrom(1000, 400, "a.xtc2", 0, {{0, 1}, {100, 2}, {200, 3}, {300, 4}});
  SourceNotes::Get().Release(At(1150), 100);
  EXPECT_THAT(Sources(), ElementsAre("1000 150 0", "1250 150 250"));
  EXPECT_THAT(Times(), ElementsAre("1000 1", "1100 2", "1250 3", "1300 4"));
  SourceNotes::Get().Release(At(900), 1000);
  EXPECT_THAT(Sources(), IsEmpty());
}

TEST_F(SourceNotesTest, ALongSourceReadInSmallBatchesIsOneNoteOfBoundedTimes) {
  constexpr uint64_t kBegin = 1 << 20;
  constexpr uint64_t kBatches = 20'000;
  constexpr uint64_t kDgrams = 5;
  for (uint64_t batch = 0; batch < kBatches; ++batch) {
    std::vector<SourceTime> times;
    for (uint64_t i = 0; i < kDgrams; ++i) {
      times.push_back({static_cast<int64_t>(100 * i), 1000 + batch * kDgrams + i});
    }
    AddFrom(kBegin + batch * 500, 500, "a.xtc2", static_cast<int64_t>(batch) * 500, times);
  }
  const HeapContents contents = Contents();
  ASSERT_EQ(contents.sources.size(), 1U);
  EXPECT_EQ(contents.sources[0].size, static_cast<int64_t>(kBatches * 500));
  ASSERT_LE(contents.times.size(), 2 * SourceNotes::kMaxPieces);
  EXPECT_EQ(contents.times.back().time_ns, 1000 + kBatches * kDgrams - 1);
  // The time of each datagram lies within the times of its piece, and no piece is large.
  const auto& times = contents.times;
  for (size_t i = 0; i < times.size();) {
    size_t after = i;
    while (after < times.size() && times[after].address == times[i].address) ++after;
    const uint64_t end = after < times.size() ? times[after].address : kBegin + kBatches * 500;
    ASSERT_EQ(times[i].time_ns, 1000 + (times[i].address - kBegin) / 100);
    ASSERT_EQ(times[after - 1].time_ns, 1000 + (end - kBegin) / 100 - 1);
    ASSERT_LE(end - times[i].address, kBatches * 500 / 1000);
    i = after;
  }
}

TEST_F(SourceNotesTest, ASourceReadFromItsEndToItsBeginningIsBoundedToo) {
  constexpr uint64_t kBatches = 10'000;
  for (uint64_t batch = kBatches; batch-- > 0;) {
    AddFrom(4096 + batch * 100, 100, "a.xtc2", static_cast<int64_t>(batch) * 100, {{0, batch}});
  }
  const HeapContents contents = Contents();
  ASSERT_EQ(contents.sources.size(), 1U);
  EXPECT_EQ(contents.sources[0].size, static_cast<int64_t>(kBatches * 100));
  EXPECT_LE(contents.times.size(), 2 * SourceNotes::kMaxPieces);
  EXPECT_EQ(contents.times.front().time_ns, 0U);
  EXPECT_EQ(contents.times.back().time_ns, kBatches - 1);
}

TEST_F(SourceNotesTest, ANoteThatWasBegunLaterThanAskedIsLeftOut) {
  AddFrom(1000, 100, "a.xtc2", 0);
  const uint64_t between = MonotonicNanoseconds();
  while (MonotonicNanoseconds() == between) {
  }
  AddFrom(5000, 100, "b.xtc2", 0);
  AddFrom(1100, 100, "a.xtc2", 100);
  HeapContents contents;
  CopySourceNotes(between, &contents);
  ASSERT_EQ(contents.sources.size(), 1U);
  EXPECT_EQ(contents.sources[0].name, "a.xtc2");
}

}  // namespace
}  // namespace alkaid::heap
