#include "alkaid/base/fork_guard.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>

namespace alkaid::internal {
namespace {

// The child's exit code: 0 when it could take the lock, 1 when the alarm ended the wait.
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
