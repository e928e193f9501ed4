#include "alkaid/core/pools/memory_pool_stats.h"

#include <gtest/gtest.h>

#include <thread>
#include <type_traits>
#include <vector>

namespace alkaid {
namespace {

TEST(MemoryPoolStats, CountsAsAPoolDoes) {
  MemoryPoolStats stats;
  stats.DidAllocateBytes(100);
  stats.DidReallocateBytes(100, 150);
  stats.DidReallocateBytes(150, 150);
  stats.DidReallocateBytes(150, 40);
  EXPECT_EQ(stats.bytes_allocated(), 40);
  EXPECT_EQ(stats.max_memory(), 150);
  EXPECT_EQ(stats.total_bytes_allocated(), 150);
  EXPECT_EQ(stats.num_allocations(), 2);
  stats.DidFreeBytes(40);
  EXPECT_EQ(stats.bytes_allocated(), 0);
  EXPECT_EQ(stats.max_memory(), 150);
  static_assert(std::is_same_v<MemoryPoolStats, internal::MemoryPoolStats>);
  static_assert(!std::is_copy_constructible_v<MemoryPoolStats>);
}

TEST(MemoryPoolStats, TheOlderSpellingCountsEveryCallThatIsNoFree) {
  MemoryPoolStats stats;
  stats.UpdateAllocatedBytes(100);
  stats.UpdateAllocatedBytes(-30);
  stats.UpdateAllocatedBytes(0);
  EXPECT_EQ(stats.num_allocations(), 3);
  stats.UpdateAllocatedBytes(-70, /*is_free=*/true);
  EXPECT_EQ(stats.bytes_allocated(), 0);
  EXPECT_EQ(stats.max_memory(), 100);
  EXPECT_EQ(stats.total_bytes_allocated(), 100);
  EXPECT_EQ(stats.num_allocations(), 3);
}

TEST(MemoryPoolStats, LosesNothingOfThreadsThatFreeWhatOthersAllocated) {
  constexpr int kThreads = 4;
  constexpr int kBlocks = 1000;
  MemoryPoolStats stats;
  for (const bool allocate : {true, false}) {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&stats, allocate] {
        for (int i = 0; i < kBlocks; ++i) {
          allocate ? stats.DidAllocateBytes(64) : stats.DidFreeBytes(64);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(stats.bytes_allocated(), allocate ? kThreads * kBlocks * 64 : 0);
  }
  EXPECT_EQ(stats.num_allocations(), kThreads * kBlocks);
  EXPECT_EQ(stats.total_bytes_allocated(), kThreads * kBlocks * 64);
  EXPECT_GE(stats.max_memory(), kThreads * kBlocks * 64);
}

}  // namespace
}  // namespace alkaid
