#include <gtest/gtest.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <mutex>
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

// The signal that ends a child which runs `body`, 0 where it comes to its end. Whatever hangs is
// ended by SIGALRM, after `ms`.
int SignalOfChild(int ms, const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    const itimerval deadline = {{0, 0}, {ms / 1000, ms % 1000 * 1000}};
    setitimer(ITIMER_REAL, &deadline, nullptr);
    body();
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void LockTwice(bool holds_tables) {
  static TableMutex mutex;
  mutex.lock();
  tracking_thread.holds_tables = holds_tables;
  { const std::lock_guard guard(mutex); }
  tracking_thread.holds_tables = false;
  mutex.unlock();
  const std::lock_guard guard(mutex);
}

TEST(TrackingThread, WhoHoldsAllLocksFindsThemOpen) {
  EXPECT_EQ(SignalOfChild(20'000, [] { LockTwice(true); }), 0);
}

// Without that the second lock waits for ever, which the test above would see.
TEST(TrackingThread, WhoHoldsOneLockOnlyWaitsForIt) {
  EXPECT_EQ(SignalOfChild(100, [] { LockTwice(false); }), SIGALRM);
}

}  // namespace
}  // namespace alkaid::heap
