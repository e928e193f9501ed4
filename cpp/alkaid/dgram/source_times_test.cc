#include "alkaid/dgram/source_times.h"

#include <gtest/gtest.h>

namespace alkaid::dgram {
namespace {

TEST(SourceTimes, OfFewAllAreKept) {
  internal::SourceTimes times;
  EXPECT_TRUE(times.marks().empty());
  for (int64_t i = 0; i < 5; ++i) times.Add(100 * i, Timestamp(2, static_cast<uint32_t>(i)));
  const auto marks = times.marks();
  ASSERT_EQ(marks.size(), 5U);
  EXPECT_EQ(marks[3].offset, 300);
  EXPECT_EQ(marks[3].time_ns, 2'000'000'003U);
}

TEST(SourceTimes, OfVeryManyFewAreKeptEvenlyAndTheLast) {
  internal::SourceTimes times;
  constexpr int64_t kCount = 100'000;
  for (int64_t i = 0; i < kCount; ++i) {
    times.Add(24 * i, Timestamp(1, static_cast<uint32_t>(i)));
  }
  const auto marks = times.marks();
  ASSERT_LE(marks.size(), internal::SourceTimes::kMostMarks + 1);
  ASSERT_GT(marks.size(), internal::SourceTimes::kMostMarks / 4);
  EXPECT_EQ(marks.front().offset, 0);
  EXPECT_EQ(marks.back().offset, 24 * (kCount - 1));
  const int64_t step = marks[1].offset;
  for (size_t i = 1; i + 1 < marks.size(); ++i) {
    ASSERT_EQ(marks[i].offset - marks[i - 1].offset, step) << i;
    ASSERT_EQ(marks[i].time_ns, 1'000'000'000 + static_cast<uint64_t>(marks[i].offset) / 24);
  }
}

}  // namespace
}  // namespace alkaid::dgram
