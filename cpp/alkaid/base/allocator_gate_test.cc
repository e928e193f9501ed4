#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "alkaid/base/allocator_gate_internal.h"
#include "alkaid/base/fork_guard_internal.h"
#include "fixtures/child_process.h"

namespace alkaid::internal {
namespace {

std::atomic<int> ends{0};
std::atomic<int> ends_inside{0};

class AllocatorGateTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    AllocatorGate::Build([] {
      ends.fetch_add(1);
      ends_inside.fetch_add(allocator_gate_record->inside.load());
    });
  }
};

TEST_F(AllocatorGateTest, AForkWaitsUntilNoThreadIsInside) {
  std::atomic<bool> inside{false};
  std::thread other([&] {
    const AllocatorGate::Inside entered;
    inside = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    inside = false;
  });
  while (!inside) std::this_thread::yield();
  EXPECT_EQ(RunInChild([&] { return inside ? 1 : 0; }), 0);
  other.join();
}

// The same against threads that come and go, and threads that enter again and again.
TEST_F(AllocatorGateTest, NoForkCatchesAThreadInside) {
  std::array<std::atomic<int>, 3> inside{};
  std::atomic<bool> stop{false};
  const auto enter = [&](size_t at) {
    const AllocatorGate::Inside entered;
    inside[at].store(1, std::memory_order_relaxed);
    inside[at].store(0, std::memory_order_relaxed);
  };
  std::vector<std::thread> threads;
  for (size_t at = 0; at < inside.size(); ++at) {
    threads.emplace_back([&, at] {
      while (!stop) {
        if (at > 0) {
          enter(at);
        } else {
          std::thread([&] { enter(0); }).join();
        }
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(RunInChild([&] {
                for (const auto& one : inside) {
                  if (one != 0) return 1;
                }
                const AllocatorGate::Inside entered;
                return 0;
              }),
              0)
        << i;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

TEST_F(AllocatorGateTest, TheThreadThatForksMayEnterMeanwhileAndSoMayItsChild) {
  static bool on = false;
  static int entered = 0;
  const auto enter = [] {
    if (!on) return;
    const AllocatorGate::Inside inside;
    ++entered;
  };
  GuardFork(enter, enter, enter, ForkOrder::kInnermost);  // while the gate is closed
  on = true;
  EXPECT_EQ(RunInChild([] { return entered; }), 2);
  on = false;
  EXPECT_EQ(entered, 2);
}

// As a debugger stops it.
TEST_F(AllocatorGateTest, AForkDoesNotWaitForEverForAThreadThatStaysInside) {
  std::atomic<bool> inside{false};
  std::atomic<bool> stop{false};
  std::thread other([&] {
    const AllocatorGate::Inside entered;
    inside = true;
    while (!stop) std::this_thread::yield();
  });
  while (!inside) std::this_thread::yield();
  EXPECT_EQ(RunInChild([&] { return inside ? 7 : 0; }), 7);
  stop = true;
  other.join();
}

TEST_F(AllocatorGateTest, AThreadThatWasInsideEndsInside) {
  ends = 0;
  ends_inside = 0;
  std::thread([] { const AllocatorGate::Inside inside; }).join();
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(ends_inside, 1);
  std::thread([] {}).join();
  EXPECT_EQ(ends, 1) << "one that never was";
}

TEST_F(AllocatorGateTest, TheRecordOfAThreadGoesToTheNext) {
  const AllocatorGateRecord* records[2] = {};
  for (const AllocatorGateRecord*& record : records) {
    std::thread([&record] {
      const AllocatorGate::Inside inside;
      record = allocator_gate_record;
    }).join();
  }
  EXPECT_EQ(records[0], records[1]);
}

}  // namespace
}  // namespace alkaid::internal
