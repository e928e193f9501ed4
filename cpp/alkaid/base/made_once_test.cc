#include "alkaid/base/made_once.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "alkaid/base/fork_guard.h"

namespace alkaid::internal {
namespace {

TEST(MadeOnce, IsMadeByOneOfManyThreads) {
  static constinit MadeOnce<int> once;
  std::atomic<int> makings{0};
  std::atomic<int*> seen{nullptr};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      int* const made = once.Get([&] {
        ++makings;
        return new int(7);
      });
      int* expected = nullptr;
      EXPECT_TRUE(seen.compare_exchange_strong(expected, made) || expected == made);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(makings, 1);
  EXPECT_EQ(*once.Get([]() -> int* { return nullptr; }), 7);
}

TEST(MadeOnce, MayMakeAnotherMeanwhile) {
  static constinit MadeOnce<int> outer, inner;
  EXPECT_EQ(*outer.Get([] { return new int(1 + *inner.Get([] { return new int(2); })); }), 3);
}

TEST(MadeOnce, IsTriedAgainWhereItsMakerThrew) {
  static constinit MadeOnce<int> once;
  EXPECT_THROW(once.Get([]() -> int* { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_EQ(*once.Get([] { return new int(5); }), 5);
  std::thread([] { EXPECT_EQ(*once.Get([]() -> int* { return nullptr; }), 5); }).join();
}

// Handlers that are registered later prepare earlier: a fork has begun, and Alkaid's own handler,
// which waits for what is being made, comes next.
std::atomic<bool> fork_begun{false};

TEST(MadeOnce, IsWholeInAChildThatWasForkedWhileItWasBeingMade) {
  static constinit MadeOnce<int> once;
  ForkGeneration();  // Alkaid's handlers are there
  ASSERT_EQ(pthread_atfork([] { fork_begun = true; }, nullptr, nullptr), 0);
  std::atomic<bool> making{false};
  std::thread maker([&] {
    once.Get([&] {
      making = true;
      while (!fork_begun) std::this_thread::yield();
      // Long enough for a fork that does not wait to be over.
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      return new int(11);
    });
  });
  while (!making) std::this_thread::yield();
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    _exit(*once.Get([] { return new int(12); }));
  }
  maker.join();
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 11);
}

}  // namespace
}  // namespace alkaid::internal
