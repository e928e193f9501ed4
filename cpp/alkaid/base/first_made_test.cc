#include "alkaid/base/first_made.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "fixtures/child_process.h"

namespace alkaid::internal {
namespace {

// Counts the live objects.
struct Counted {
  Counted() { ++live; }
  ~Counted() { --live; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  static inline std::atomic<int> live{0};
};

TEST(FirstMade, IsOneForAllThreadsAndTheOthersAreDeleted) {
  Counted::live = 0;
  FirstMade<Counted> first;
  std::atomic<int> makers{0};
  std::atomic<Counted*> seen{nullptr};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      Counted* const got = first.Get([&] {
        // All four threads are making one at once.
        ++makers;
        while (makers < 4) std::this_thread::yield();
        return new Counted;
      });
      Counted* expected = nullptr;
      EXPECT_TRUE(seen.compare_exchange_strong(expected, got) || expected == got);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Counted::live, 1);
  EXPECT_EQ(first.Get([]() -> Counted* { return nullptr; }), seen);
  delete seen;
}

TEST(FirstMade, IsTriedAgainWhereItsMakerThrew) {
  FirstMade<int> first;
  EXPECT_THROW(first.Get([]() -> int* { throw std::runtime_error("no"); }), std::runtime_error);
  const std::unique_ptr<int> made(first.Get([] { return new int(5); }));
  EXPECT_EQ(*made, 5);
}

TEST(FirstMade, IsMadeAnewInAChildThatWasForkedWhileItWasBeingMade) {
  FirstMade<int> first;
  std::atomic<bool> making{false}, forked{false};
  std::thread maker([&] {
    first.Get([&] {
      making = true;
      while (!forked) std::this_thread::yield();
      return new int(11);
    });
  });
  while (!making) std::this_thread::yield();
  const pid_t child = StartChild([&first] { return *first.Get([] { return new int(12); }); });
  forked = true;
  maker.join();
  EXPECT_EQ(EndOfChild(child), 12);
  const std::unique_ptr<int> made(first.Get([] { return new int(13); }));
  EXPECT_EQ(*made, 11);
}

}  // namespace
}  // namespace alkaid::internal
