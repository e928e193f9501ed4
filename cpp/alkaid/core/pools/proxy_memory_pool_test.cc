#include "alkaid/core/pools/proxy_memory_pool.h"

#include <gtest/gtest.h>

#include <string>

#include "alkaid/core/pools/quota_memory_pool.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

TEST(ProxyPool, CountsOnlyWhatPassedThroughIt) {
  const std::unique_ptr<MemoryPool> below = MemoryPool::CreateDefault();
  uint8_t* others = nullptr;
  ASSERT_THAT(below->Allocate(5000, &others), IsOk());
  ProxyMemoryPool pool(below.get());
  EXPECT_EQ(pool.bytes_allocated(), 0);
  EXPECT_EQ(pool.max_memory(), 0);

  uint8_t* block = nullptr;
  ASSERT_THAT(pool.Allocate(100, &block), IsOk());
  ASSERT_THAT(pool.Reallocate(100, 300, &block), IsOk());
  ASSERT_THAT(pool.Reallocate(300, 50, &block), IsOk());
  EXPECT_EQ(pool.bytes_allocated(), 50);
  EXPECT_EQ(pool.max_memory(), 300);
  EXPECT_EQ(pool.total_bytes_allocated(), 300);
  EXPECT_EQ(pool.num_allocations(), 2);
  EXPECT_EQ(below->bytes_allocated(), 5050);
  EXPECT_EQ(below->num_allocations(), 3);

  pool.Free(block, 50);
  below->Free(others, 5000);
  EXPECT_EQ(pool.bytes_allocated(), 0);
  EXPECT_EQ(below->bytes_allocated(), 0);
}

TEST(ProxyPool, TwoProxiesOverOnePoolCountApart) {
  const std::unique_ptr<MemoryPool> below = MemoryPool::CreateDefault();
  ProxyMemoryPool left(below.get());
  ProxyMemoryPool right(below.get());
  uint8_t* a = nullptr;
  uint8_t* b = nullptr;
  ASSERT_THAT(left.Allocate(100, &a), IsOk());
  ASSERT_THAT(right.Allocate(1000, &b), IsOk());
  EXPECT_EQ(left.bytes_allocated(), 100);
  EXPECT_EQ(right.bytes_allocated(), 1000);
  EXPECT_EQ(below->bytes_allocated(), 1100);
  left.Free(a, 100);
  right.Free(b, 1000);
}

TEST(ProxyPool, WhatFailedIsNotCounted) {
  FaultInjectingMemoryPool faulty(system_memory_pool());
  ProxyMemoryPool pool(&faulty);
  uint8_t* block = nullptr;
  faulty.fail_after(1);
  EXPECT_THAT(pool.Allocate(100, &block), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(pool.num_allocations(), 0);
  ASSERT_THAT(pool.Allocate(100, &block), IsOk());
  faulty.fail_after(1);
  EXPECT_THAT(pool.Reallocate(100, 200, &block), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(pool.bytes_allocated(), 100);
  EXPECT_EQ(pool.total_bytes_allocated(), 100);
  EXPECT_EQ(pool.num_allocations(), 1);
  pool.Free(block, 100);
}

TEST(ProxyPool, HasTheNameOfThePoolBelow) {
  EXPECT_EQ(ProxyMemoryPool(system_memory_pool()).backend_name(), "system");
}

TEST(ProxyPool, SharesOwnershipOfThePoolBelow) {
  std::shared_ptr<MemoryPool> below = MemoryPool::CreateDefault();
  const std::weak_ptr<MemoryPool> watch = below;
  {
    ProxyMemoryPool pool(std::move(below));
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

// Two identical lines would look like one pool that is printed twice.
TEST(ProxyPool, PrintStatsNamesEachPoolOnce) {
  ProxyMemoryPool proxy(system_memory_pool());
  QuotaMemoryPool quota(&proxy, 1000);
  ::testing::internal::CaptureStderr();
  quota.PrintStats();
  const std::string text = ::testing::internal::GetCapturedStderr();
  for (const std::string name :
       {"Alkaid pool with a quota of 1000 bytes over ", "Alkaid proxy pool over ",
        "Alkaid memory pool over ", "glibc malloc (whole process)"}) {
    EXPECT_NE(text.find(name), std::string::npos) << text;
    EXPECT_EQ(text.find(name), text.rfind(name)) << text;
  }
}

}  // namespace
}  // namespace alkaid
