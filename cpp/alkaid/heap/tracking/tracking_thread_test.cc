#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {
namespace {

TEST(TrackingThread, EachThreadKnowsItsOwnId) {
  EXPECT_EQ(ThreadId(), static_cast<uint32_t>(gettid()));
  std::thread([] { EXPECT_EQ(ThreadId(), static_cast<uint32_t>(gettid())); }).join();
}

TEST(TrackingThread, OnlyTheOutermostScopeEnters) {
  {
    const InsideTracking outer;
    EXPECT_TRUE(outer.entered());
    {
      const InsideTracking inner;
      EXPECT_FALSE(inner.entered());
    }
    EXPECT_TRUE(tracking_thread.inside);
  }
  EXPECT_FALSE(tracking_thread.inside);
}

}  // namespace
}  // namespace alkaid::heap
