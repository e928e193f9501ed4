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

TEST(SourceTimes, OfVeryManyPiecesAreKeptEvenlyWithTheirLeastAndGreatestTime) {
  internal::SourceTimes times;
  constexpr int64_t kCount = 100'000;
  for (int64_t i = 0; i < kCount; ++i) {
    times.Add(24 * i, Timestamp(1, static_cast<uint32_t>(i)));
  }
  const auto marks = times.marks();
  ASSERT_LE(marks.size(), 2 * internal::SourceTimes::kMaxPieces);
  ASSERT_GT(marks.size(), internal::SourceTimes::kMaxPieces / 2);
  EXPECT_EQ(marks.front().offset, 0);
  EXPECT_EQ(marks.back().time_ns, 1'000'000'000U + kCount - 1);
  const int64_t step = marks[2].offset;
  ASSERT_EQ(marks.size() % 2, 0U);
  for (size_t i = 0; i < marks.size(); i += 2) {
    const int64_t first = marks[i].offset / 24;
    const int64_t last = std::min(first + step / 24, kCount) - 1;
    ASSERT_EQ(marks[i].offset, static_cast<int64_t>(i / 2) * step);
    ASSERT_EQ(marks[i + 1].offset, marks[i].offset);
    ASSERT_EQ(marks[i].time_ns, 1'000'000'000U + static_cast<uint64_t>(first));
    ASSERT_EQ(marks[i + 1].time_ns, 1'000'000'000U + static_cast<uint64_t>(last));
  }
}

TEST(SourceTimes, ATimeOutOfOrderWidensThePieceThatItIsIn) {
  internal::SourceTimes times;
  constexpr int64_t kCount = 3 * internal::SourceTimes::kMaxPieces;
  for (int64_t i = 0; i < kCount; ++i) {
    times.Add(24 * i, i == 5001 ? Timestamp(0, 0) : Timestamp(1, static_cast<uint32_t>(i)));
  }
  int with_zero = 0;
  for (const SourceTime& mark : times.marks()) {
    if (mark.time_ns != 0) continue;
    ++with_zero;
    EXPECT_LE(mark.offset, 24 * 5001);
    EXPECT_GT(mark.offset, 24 * 4990);
  }
  EXPECT_EQ(with_zero, 1);
}

}  // namespace
}  // namespace alkaid::dgram
