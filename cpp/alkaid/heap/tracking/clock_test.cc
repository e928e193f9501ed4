#include <gtest/gtest.h>

#include <thread>

#include "alkaid/heap/tracking/clock_internal.h"

namespace alkaid::heap {
namespace {

TEST(TableClock, StandsForEveryThreadAndGoesOn) {
  const uint64_t before = MonotonicNanoseconds();
  const uint64_t unix_before = NanosecondsOf(CLOCK_REALTIME);
  EXPECT_TRUE(alkaid_track_stop_clock());
  const uint64_t there = MonotonicNanoseconds();
  EXPECT_GE(there, before);
  EXPECT_GE(NanosecondsOf(CLOCK_REALTIME), unix_before);
  EXPECT_FALSE(alkaid_track_stop_clock());  // as a second thread would
  std::thread([&] { EXPECT_EQ(MonotonicNanoseconds(), there); }).join();
  EXPECT_EQ(NanosecondsOf(CLOCK_REALTIME), NanosecondsOf(CLOCK_REALTIME));
  alkaid_track_go_on_clock();
  while (MonotonicNanoseconds() == there) {
  }
  EXPECT_GT(MonotonicNanoseconds(), there);
}

}  // namespace
}  // namespace alkaid::heap
