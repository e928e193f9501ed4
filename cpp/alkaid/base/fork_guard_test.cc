#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

#include "alkaid/base/fork_guard_internal.h"

namespace alkaid::internal {
namespace {

// The child's exit code: 0 if it could take the lock, 1 if the alarm ended the wait.
int ChildExitCode(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(ForkGuard, AChildCanTakeALockThatAnotherThreadHeldAgainAndAgain) {
  static auto* const lock = new ForkGuarded<std::mutex>;
  std::atomic<bool> stop{false};
  std::thread holder([&] {
    while (!stop) {
      const std::lock_guard guard(*lock);
    }
  });
  for (int i = 0; i < 100; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(20);  // a lock left held would hang here
      lock->lock();
      lock->unlock();
      _exit(0);
    }
    ASSERT_EQ(ChildExitCode(child), 0);
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
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(20);
      for (int turn = 0; turn < 2; ++turn) {
        lock->lock();
        lock->unlock();
        lock->lock_shared();
        lock->unlock_shared();
      }
      _exit(0);
    }
    const int code = ChildExitCode(child);
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
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(prepared == 1 && in_parent == 0 && in_child == 1 ? 0 : 1);
  EXPECT_EQ(ChildExitCode(child), 0);
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
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(inner_went_on < later_went_on ? 0 : 1);
  EXPECT_EQ(ChildExitCode(child), 0);
  EXPECT_LT(later_prepared, inner_prepared);
  EXPECT_LT(inner_went_on, later_went_on);
}

TEST(ForkGuard, AChildIsOneGenerationOnAndItsParentIsNot) {
  const uint64_t before = ForkGeneration();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (ForkGeneration() != before + 1) _exit(1);
    const pid_t grandchild = fork();
    if (grandchild == 0) _exit(ForkGeneration() == before + 2 ? 0 : 2);
    _exit(ChildExitCode(grandchild));
  }
  EXPECT_EQ(ChildExitCode(child), 0);
  EXPECT_EQ(ForkGeneration(), before);
}

}  // namespace
}  // namespace alkaid::internal
