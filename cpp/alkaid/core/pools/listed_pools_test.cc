#include "alkaid/core/pools/listed_pools.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "alkaid/core/pools/thread_counters.h"

namespace alkaid::internal {
namespace {

// The listed pools of this name: how many, and their live bytes together.
struct Found {
  const char* name;
  int pools = 0;
  int64_t bytes = 0;
};

Found Find(const char* name) {
  Found found{.name = name};
  VisitListedPools(
      [](const ListedPool& pool, void* context) {
        auto* const result = static_cast<Found*>(context);
        if (pool.name != result->name) return;
        ++result->pools;
        result->bytes += pool.bytes_allocated;
      },
      &found);
  return found;
}

TEST(ListedPools, AreVisitedOnceEachWithWhatTheyHold) {
  PoolCounters one;
  one.Describe(&one, "visited");
  auto other = std::make_unique<PoolCounters>();
  other->Describe(other.get(), "visited");
  one.DidAllocate(1000);
  one.DidFree(400);
  std::thread([&] { other->DidAllocate(50); }).join();
  EXPECT_EQ(Find("visited").pools, 2);
  EXPECT_EQ(Find("visited").bytes, 650);
  other.reset();
  EXPECT_EQ(Find("visited").pools, 1);
  EXPECT_EQ(Find("visited").bytes, 600);
  EXPECT_EQ(Find("not visited").pools, 0);
}

TEST(ListedPools, MayComeAndGoWhileTheyAreVisited) {
  PoolCounters stays;
  stays.Describe(&stays, "stays");
  stays.DidAllocate(7);
  std::atomic<bool> stop{false};
  std::thread changes([&stop] {
    while (!stop) {
      PoolCounters brief;
      brief.Describe(&brief, "brief");
      brief.DidAllocate(1);
    }
  });
  for (int i = 0; i < 2'000; ++i) ASSERT_EQ(Find("stays").bytes, 7);
  stop = true;
  changes.join();
}

}  // namespace
}  // namespace alkaid::internal
