#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/table_mutex_internal.h"
#include "fixtures/child_process.h"

namespace alkaid::heap {
namespace {

// The signal that ends a child which runs `body`; 0 if it exits. SIGALRM ends it after `ms`.
int SignalOfChild(int ms, const std::function<void()>& body) {
  const int end = internal::RunInChild([ms, &body] {
    const itimerval deadline = {{0, 0}, {ms / 1000, ms % 1000 * 1000}};
    setitimer(ITIMER_REAL, &deadline, nullptr);
    body();
    return 0;
  });
  return end < 0 ? -end : 0;
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

TEST(TableMutex, WhoHoldsAllLocksFindsThemOpen) {
  EXPECT_EQ(SignalOfChild(20'000, [] { LockTwice(true); }), 0);
}

// Without the renewal the second lock waits forever: so the test above can fail.
TEST(TableMutex, WhoHoldsOneLockOnlyWaitsForIt) {
  EXPECT_EQ(SignalOfChild(100, [] { LockTwice(false); }), SIGALRM);
}

// Counts up to `threads` * 20,000 under one lock, on as many threads.
uint64_t CountTogether(size_t threads, const std::function<void(size_t)>& prepare) {
  static constinit SpinningMutex mutex;
  static uint64_t count;
  count = 0;
  std::vector<std::thread> all;
  for (size_t i = 0; i < threads; ++i) {
    all.emplace_back([&, i] {
      prepare(i);
      for (int step = 0; step < 20'000; ++step) {
        const std::lock_guard guard(mutex);
        ++count;
      }
    });
  }
  for (std::thread& thread : all) thread.join();
  return count;
}

TEST(TableMutex, IsHeldByOneThreadAtATime) {
  EXPECT_EQ(CountTogether(4, [](size_t) {}), 80'000U);
}

TEST(TableMutex, ThreadsThatMayNotWaitTakeTurnsWithThoseThatMay) {
  const auto confine_half = [](size_t i) { InheritConfinement(i % 2 == 0 ? kNoWaiting : 0); };
  EXPECT_EQ(CountTogether(4, confine_half), 80'000U);
}

// Ends the calling thread's process for every call of futex.
void KillWhoWaits() {
  std::array<sock_filter, 4> steps = {{{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
                                       {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_futex},
                                       {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS},
                                       {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}}};
  const sock_fprog filter = {steps.size(), steps.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::abort();
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) ::abort();
}

// Lets the calling thread, under such a filter, and a thread without one contend for a lock.
void TakeTurns(bool is_told) {
  static constinit SpinningMutex mutex;
  static std::atomic<int> turns{0};
  const std::thread other([] {
    InheritConfinement(0);
    while (true) {
      const std::lock_guard guard(mutex);
      ++turns;
    }
  });
  KillWhoWaits();
  if (is_told) InheritConfinement(kNoWaiting);
  while (!is_told || turns < 20) {
    { const std::lock_guard guard(mutex); }
    ::sched_yield();
  }
  ::_exit(0);  // joining a thread would wait
}

// ThreadSanitizer itself waits in every call.
#if !defined(__SANITIZE_THREAD__)

TEST(TableMutex, AThreadThatAFilterEndsForWaitingNeitherWaitsNorWakes) {
  EXPECT_EQ(SignalOfChild(60'000, [] { TakeTurns(true); }), 0);
}

// So the test above can fail.
TEST(TableMutex, AThreadThatDoesNotKnowOfItsFilterIsEnded) {
  EXPECT_EQ(SignalOfChild(60'000, [] { TakeTurns(false); }), SIGSYS);
}

#endif

}  // namespace
}  // namespace alkaid::heap
