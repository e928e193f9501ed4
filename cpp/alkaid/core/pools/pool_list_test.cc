#include "alkaid/core/pools/pool_list.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "alkaid/core/pools/thread_counters.h"

namespace alkaid::internal {
namespace {

const PoolRecord* Find(const void* pool) {
  for (const PoolRecord* record = alkaid_pools.first; record != nullptr; record = record->next) {
    if (record->pool == pool) return record;
  }
  return nullptr;
}

TEST(PoolList, APoolIsListedByNameUntilItGoes) {
  const int other = 0;
  const int pool = 0;
  const PoolCounters first;
  auto counters = std::make_unique<PoolCounters>();
  PoolCounters last;
  last.Describe(&other, "other");
  counters->Describe(&pool, "a pool of this test");
  ASSERT_NE(Find(&pool), nullptr);
  EXPECT_STREQ(Find(&pool)->name, "a pool of this test");
  EXPECT_STREQ(alkaid_pools.magic, "ALKPOOL");
  EXPECT_EQ(alkaid_pools.changing, 0u);
  counters.reset();
  EXPECT_EQ(Find(&pool), nullptr);
  EXPECT_NE(Find(&other), nullptr);
}

TEST(PoolList, ALongNameIsCut) {
  PoolCounters counters;
  counters.Describe(&counters, std::string(1000, 'x'));
  EXPECT_EQ(std::string(Find(&counters)->name), std::string(79, 'x'));
}

TEST(PoolList, TheSumsOverTheLinesAreThePoolsFigures) {
  PoolCounters counters;
  counters.Describe(&counters, "sums");
  counters.DidAllocate(1000);
  counters.DidFree(300);
  std::thread([&counters] { counters.DidAllocate(50); }).join();
  const PoolRecord* const record = Find(&counters);
  int64_t live = record->shared->net;
  int64_t count = record->shared->count;
  for (const CounterLine* line = record->lines; line != nullptr; line = line->next) {
    live += line->net();
    count += line->count;
  }
  EXPECT_EQ(live, 750);
  EXPECT_EQ(live, counters.bytes_allocated());
  EXPECT_EQ(count, 2);
}

}  // namespace
}  // namespace alkaid::internal
