#include "alkaid/core/pools/thread_counters.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <functional>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "alkaid/base/fork_guard_internal.h"

namespace alkaid::internal {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

TEST(PoolCounters, OneThreadIsCountedExactlyTheHighestPointIncluded) {
  PoolCounters counters;
  for (int i = 0; i < 1000; ++i) counters.DidAllocate(64);
  for (int i = 0; i < 1000; ++i) counters.DidFree(64);
  counters.DidAllocate(3 * kMiB);
  counters.DidReallocate(3 * kMiB, 5 * kMiB);
  counters.DidReallocate(5 * kMiB, 1 * kMiB);
  counters.DidAllocate(0);
  EXPECT_EQ(counters.bytes_allocated(), kMiB);
  EXPECT_EQ(counters.max_memory(), 5 * kMiB);
  EXPECT_EQ(counters.total_bytes_allocated(), 64 * 1000 + 5 * kMiB);
  EXPECT_EQ(counters.num_allocations(), 1000 + 1 + 1 + 1);
}

TEST(PoolCounters, ManyPoolsInOneThreadAreKeptApart) {
  std::vector<std::unique_ptr<PoolCounters>> pools;
  for (int i = 0; i < 200; ++i) pools.push_back(std::make_unique<PoolCounters>());
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 200; ++i) pools[i]->DidAllocate(i);
  }
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(pools[i]->bytes_allocated(), 3 * i);
    EXPECT_EQ(pools[i]->num_allocations(), 3);
  }
}

TEST(PoolCounters, ThreadsTogetherAreSummedExactlyOnceTheyAreDone) {
  PoolCounters counters;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&counters] {
      for (int i = 0; i < 10000; ++i) {
        counters.DidAllocate(100);
        if (i % 2 == 0) counters.DidFree(100);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counters.bytes_allocated(), 4 * 5000 * 100);
  EXPECT_EQ(counters.total_bytes_allocated(), 4 * 10000 * 100);
  EXPECT_EQ(counters.num_allocations(), 4 * 10000);
}

TEST(PoolCounters, WhatOneThreadAllocatesAnotherMayFree) {
  PoolCounters counters;
  for (int i = 0; i < 1000; ++i) counters.DidAllocate(kMiB);
  std::thread([&] {
    for (int i = 0; i < 1000; ++i) counters.DidFree(kMiB);
  }).join();
  EXPECT_EQ(counters.bytes_allocated(), 0);
  EXPECT_GE(counters.max_memory(), 1000 * kMiB);
  EXPECT_LE(counters.max_memory(), 1000 * kMiB + 2 * (kMiB + 2 * PoolCounters::kStep));
}

// Both threads hold 40 blocks at once, again and again: the true peak is 80 blocks.
TEST(PoolCounters, ThePeakOfTwoThreadsIsNeverBelowTheTruthAndAboveItByNoMoreThanStated) {
  for (const int64_t size : {int64_t{64}, int64_t{4096}, kMiB, 8 * kMiB}) {
    PoolCounters counters;
    std::barrier together(2);
    auto work = [&] {
      for (int round = 0; round < 20; ++round) {
        for (int i = 0; i < 40; ++i) counters.DidAllocate(size);
        together.arrive_and_wait();
        for (int i = 0; i < 40; ++i) counters.DidFree(size);
        together.arrive_and_wait();
      }
    };
    std::thread one(work), two(work);
    one.join();
    two.join();
    EXPECT_GE(counters.max_memory(), 80 * size);
    EXPECT_LE(counters.max_memory(), 80 * size + 2 * (size + 2 * PoolCounters::kStep)) << size;
    EXPECT_EQ(counters.bytes_allocated(), 0);
  }
}

TEST(PoolCounters, ThePeakOfThreadsThatTakeTurnsIsNotTheSumOfTheirPeaks) {
  PoolCounters counters;
  std::barrier turn(2);
  auto work = [&](bool first) {
    if (!first) turn.arrive_and_wait();
    for (int i = 0; i < 100; ++i) counters.DidAllocate(kMiB);
    for (int i = 0; i < 100; ++i) counters.DidFree(kMiB);
    if (first) turn.arrive_and_wait();
  };
  std::thread one(work, true), two(work, false);
  one.join();
  two.join();
  EXPECT_GE(counters.max_memory(), 100 * kMiB);
  EXPECT_LE(counters.max_memory(), 100 * kMiB + 2 * (kMiB + 2 * PoolCounters::kStep));
}

TEST(PoolCounters, AThousandThreadsLeaveTheirFiguresAndFewLinesBehind) {
  PoolCounters counters;
  for (int i = 0; i < 1000; ++i) {
    std::thread([&] { counters.DidAllocate(10); }).join();
  }
  EXPECT_EQ(counters.bytes_allocated(), 10000);
  EXPECT_EQ(counters.num_allocations(), 1000);
}

TEST(PoolCounters, APoolMayDieBeforeTheThreadsThatUsedIt) {
  auto dying = std::make_unique<PoolCounters>();
  PoolCounters staying;
  std::barrier step(2);
  std::thread user([&] {
    dying->DidAllocate(1);
    staying.DidAllocate(1);
    step.arrive_and_wait();
    step.arrive_and_wait();  // `dying` is gone by now
    staying.DidAllocate(1);
  });
  step.arrive_and_wait();
  dying.reset();
  PoolCounters newcomer;  // may be at the address of the dead one
  step.arrive_and_wait();
  user.join();
  EXPECT_EQ(staying.bytes_allocated(), 2);
  EXPECT_EQ(newcomer.bytes_allocated(), 0);
}

// A pthread key's destructor that runs again and again until after the counters' own.
PoolCounters* late_counters = nullptr;
pthread_key_t late_key;
void FreeLate(void* rounds) {
  late_counters->DidAllocate(100);
  late_counters->DidFree(10);
  const auto left = reinterpret_cast<intptr_t>(rounds) - 1;
  if (left > 0) pthread_setspecific(late_key, reinterpret_cast<void*>(left));
}

TEST(PoolCounters, DestructorsAtThreadExitAreCountedEvenAfterTheThreadsOwnEnd) {
  PoolCounters counters;
  late_counters = &counters;
  ASSERT_EQ(pthread_key_create(&late_key, FreeLate), 0);
  std::thread([&] {
    counters.DidAllocate(1);
    pthread_setspecific(late_key, reinterpret_cast<void*>(intptr_t{3}));
  }).join();
  pthread_key_delete(late_key);
  EXPECT_EQ(counters.bytes_allocated(), 1 + 3 * 90);
  EXPECT_EQ(counters.num_allocations(), 1 + 3);
  EXPECT_GE(counters.max_memory(), 1 + 3 * 90);
}

// GCC's AddressSanitizer does not hold its malloc's locks across a fork, so nobody may allocate
// then.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kMallocComesThroughAFork = false;
#else
constexpr bool kMallocComesThroughAFork = true;
#endif

TEST(PoolCounters, AForkedChildKeepsTheFiguresAndCanCountOnWhileOthersWereCounting) {
  PoolCounters counters;
  std::atomic<bool> stop{false};
  std::atomic<int> begun{0};
  std::vector<std::thread> busy;
  for (int t = 0; t < 2; ++t) {
    busy.emplace_back([&] {
      for (bool first = true; !stop; first = false) {
        counters.DidAllocate(64);
        counters.DidFree(64);
        if (first) ++begun;
        if (kMallocComesThroughAFork) {
          PoolCounters short_lived;
          short_lived.DidAllocate(1);
        }
      }
    });
  }
  while (begun < 2) std::this_thread::yield();
  PoolCounters quiet;
  quiet.DidAllocate(5);
  std::thread([&] { quiet.DidAllocate(7); }).join();
  for (int i = 0; i < 50; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(20);
      bool right = quiet.bytes_allocated() == 12;
#if defined(__SANITIZE_THREAD__)
      // ThreadSanitizer kills a child of a threaded process that starts a thread.
      quiet.DidAllocate(8);
#else
      std::thread([&] { quiet.DidAllocate(8); }).join();
#endif
      quiet.DidFree(5);
      right = right && quiet.bytes_allocated() == 15 && counters.num_allocations() >= 0;
      _exit(right ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  stop = true;
  for (std::thread& thread : busy) thread.join();
}

int LinesOfTheNewestPool() {
  int lines = 0;
  const CounterLine* line = alkaid_pools.first.load()->lines;
  for (; line != nullptr; line = line->next) ++lines;
  return lines;
}

// Runs between the registry's own fork handlers, as a handler of the program may that was
// registered before the library was loaded.
std::function<void()>* during_fork = nullptr;

TEST(PoolCounters, AForkHandlerMayWaitForThreadsThatAllocateFirstOrEnd) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a fork holds ThreadSanitizer's locks before its handlers run";
#endif
  GuardFork(
      [] {
        if (during_fork != nullptr) (*during_fork)();
      },
      [] {}, [] {}, ForkOrder::kInnermost);
  PoolCounters counters;
  std::barrier step(2);
  std::thread old([&] {
    counters.DidAllocate(1000);
    step.arrive_and_wait();
    step.arrive_and_wait();
  });
  step.arrive_and_wait();
  std::function<void()> wait_for_both = [&] {
    step.arrive_and_wait();
    old.join();
    std::thread([&] {
      counters.DidAllocate(10);
      counters.DidFree(3);
    }).join();
  };
  during_fork = &wait_for_both;
  const pid_t child = fork();
  during_fork = nullptr;
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(20);
    _exit(counters.bytes_allocated() == 1007 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(counters.bytes_allocated(), 1007);
  EXPECT_EQ(counters.num_allocations(), 2);
  // The next thread takes the line of the thread that ended.
  EXPECT_EQ(LinesOfTheNewestPool(), 1);
  std::thread([&] { counters.DidFree(7); }).join();
  EXPECT_EQ(LinesOfTheNewestPool(), 1);
  EXPECT_EQ(counters.bytes_allocated(), 1000);
}

std::vector<uint64_t> ListedIds() {
  std::vector<uint64_t> ids;
  for (const PoolRecord* record = alkaid_pools.first; record != nullptr; record = record->next) {
    ids.push_back(record->id);
  }
  return ids;
}

TEST(PoolCounters, TheListIsWholeInWhateverOrderPoolsGo) {
  const std::vector<uint64_t> before = ListedIds();
  constexpr int kPools = 5;
  std::vector<int> order(kPools);
  std::iota(order.begin(), order.end(), 0);
  do {
    std::vector<std::unique_ptr<PoolCounters>> pools;
    for (int i = 0; i < kPools; ++i) pools.push_back(std::make_unique<PoolCounters>());
    std::vector<uint64_t> expected = ListedIds();
    ASSERT_EQ(expected.size(), before.size() + kPools);
    const uint64_t newest = expected.front();
    for (const int gone : order) {
      pools[gone].reset();
      std::erase(expected, newest - (kPools - 1 - gone));
      ASSERT_EQ(ListedIds(), expected);
    }
    const PoolCounters next;
    ASSERT_EQ(ListedIds().size(), before.size() + 1);
  } while (std::next_permutation(order.begin(), order.end()));
}

}  // namespace
}  // namespace alkaid::internal
