#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

#include "alkaid/base/fork_guard_internal.h"
#include "fixtures/child_process.h"

namespace alkaid::internal {
namespace {

TEST(ForkGuard, AChildCanTakeALockThatAnotherThreadHeldAgainAndAgain) {
  static auto* const lock = new ForkGuarded<std::mutex>;
  std::atomic<bool> stop{false};
  std::thread holder([&] {
    while (!stop) {
      const std::lock_guard guard(*lock);
    }
  });
  for (int i = 0; i < 100; ++i) {
    const int code = RunInChild([] {
      lock->lock();  // a lock left held would hang here
      lock->unlock();
      return 0;
    });
    ASSERT_EQ(code, 0);
  }
  stop = true;
  holder.join();
}

TEST(ForkGuard, AChildDoesNotWaitForReadersThatWaitedInItsParent) {
  static auto* const lock = new ForkGuarded<std::shared_mutex>;
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&] {
      while (!stop) {
        const std::shared_lock guard(*lock);
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    const int code = RunInChild([] {
      for (int turn = 0; turn < 2; ++turn) {
        lock->lock();
        lock->unlock();
        lock->lock_shared();
        lock->unlock_shared();
      }
      return 0;
    });
    if (code != 0) stop = true;
    EXPECT_EQ(code, 0);
    if (code != 0) break;
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

TEST(ForkGuard, ActionsRunAroundTheForkInTheirProcesses) {
  static std::atomic<int> prepared{0}, in_parent{0}, in_child{0};
  GuardFork([] { ++prepared; }, [] { ++in_parent; }, [] { ++in_child; });
  EXPECT_EQ(RunInChild([] { return prepared == 1 && in_parent == 0 && in_child == 1 ? 0 : 1; }), 0);
  EXPECT_EQ(prepared, 1);
  EXPECT_EQ(in_parent, 1);
  EXPECT_EQ(in_child, 0);
}

TEST(ForkGuard, AnInnermostGuardPreparesLastAndGoesOnFirst) {
  static std::atomic<int> step{0};
  static int inner_prepared = 0, later_prepared = 0, inner_went_on = 0, later_went_on = 0;
  GuardFork([] { inner_prepared = ++step; }, [] { inner_went_on = ++step; },
            [] { inner_went_on = ++step; }, ForkOrder::kInnermost);
  GuardFork([] { later_prepared = ++step; }, [] { later_went_on = ++step; },
            [] { later_went_on = ++step; });
  EXPECT_EQ(RunInChild([] { return inner_went_on < later_went_on ? 0 : 1; }), 0);
  EXPECT_LT(later_prepared, inner_prepared);
  EXPECT_LT(inner_went_on, later_went_on);
}

TEST(ForkGuard, AChildIsOneGenerationOnAndItsParentIsNot) {
  const uint64_t before = ForkGeneration();
  const int code = RunInChild([before] {
    if (ForkGeneration() != before + 1) return 1;
    return RunInChild([before] { return ForkGeneration() == before + 2 ? 0 : 2; });
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(ForkGeneration(), before);
}

}  // namespace
}  // namespace alkaid::internal
