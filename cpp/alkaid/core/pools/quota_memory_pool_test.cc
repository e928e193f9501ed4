#include "alkaid/core/pools/quota_memory_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <random>
#include <thread>
#include <vector>

#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(QuotaPool, GrantsTheLimitAndNotAByteMore) {
  QuotaMemoryPool pool(system_memory_pool(), 1000);
  EXPECT_EQ(pool.bytes_limit(), 1000);
  uint8_t* all = nullptr;
  EXPECT_THAT(pool.Allocate(1001, &all), StatusIs(StatusCode::kResourceExhausted));
  ASSERT_THAT(pool.Allocate(1000, &all), IsOk());
  uint8_t* more = nullptr;
  EXPECT_THAT(pool.Allocate(1, &more), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(more, nullptr);
  pool.Free(all, 1000);
  ASSERT_THAT(pool.Allocate(1000, &all), IsOk());
  pool.Free(all, 1000);
}

TEST(QuotaPool, TheRefusalNamesRequestLimitAndUse) {
  QuotaMemoryPool pool(system_memory_pool(), 1000);
  uint8_t* block = nullptr;
  ASSERT_THAT(pool.Allocate(400, &block), IsOk());
  uint8_t* more = nullptr;
  EXPECT_THAT(pool.Allocate(777, &more),
              StatusIs(StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("777 bytes requested"), HasSubstr("limit is 1000 bytes"),
                             HasSubstr("400 are in use"), HasSubstr("system"))));
  EXPECT_THAT(pool.Reallocate(400, 1500, &block),
              StatusIs(StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("1500 bytes requested, 1100 of them new"),
                             HasSubstr("limit is 1000 bytes"), HasSubstr("400 are in use"))));
  pool.Free(block, 400);
}

TEST(QuotaPool, ReallocationCountsTheDifference) {
  QuotaMemoryPool pool(system_memory_pool(), 1000);
  uint8_t* block = nullptr;
  ASSERT_THAT(pool.Allocate(600, &block), IsOk());
  ASSERT_THAT(pool.Reallocate(600, 1000, &block), IsOk());
  EXPECT_THAT(pool.Reallocate(1000, 1001, &block), StatusIs(StatusCode::kResourceExhausted));
  ASSERT_THAT(pool.Reallocate(1000, 300, &block), IsOk());
  uint8_t* other = nullptr;
  ASSERT_THAT(pool.Allocate(700, &other), IsOk());
  EXPECT_EQ(pool.bytes_allocated(), 1000);
  pool.Free(other, 700);
  pool.Free(block, 300);
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST(QuotaPool, AFailureBelowGivesTheReservationBack) {
  FaultInjectingMemoryPool faulty(system_memory_pool());
  QuotaMemoryPool pool(&faulty, 1000);
  uint8_t* block = nullptr;
  faulty.fail_after(1);
  EXPECT_THAT(pool.Allocate(1000, &block),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("injected")));
  ASSERT_THAT(pool.Allocate(400, &block), IsOk());
  faulty.fail_after(1);
  EXPECT_THAT(pool.Reallocate(400, 1000, &block),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("injected")));
  // A failed shrink must give nothing back: the block is as large as before.
  faulty.fail_after(1);
  EXPECT_THAT(pool.Reallocate(400, 100, &block), StatusIs(StatusCode::kResourceExhausted));
  uint8_t* rest = nullptr;
  EXPECT_THAT(pool.Allocate(601, &rest), StatusIs(StatusCode::kResourceExhausted));
  ASSERT_THAT(pool.Allocate(600, &rest), IsOk());
  EXPECT_EQ(pool.bytes_allocated(), 1000);
  EXPECT_EQ(pool.num_allocations(), 2);
  pool.Free(rest, 600);
  pool.Free(block, 400);
}

TEST(QuotaPool, ArgumentsThatMakeNoSenseReserveNothing) {
  QuotaMemoryPool pool(system_memory_pool(), 1000);
  uint8_t* block = nullptr;
  EXPECT_THAT(pool.Allocate(-1, &block), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(pool.Allocate(5000, 48, &block),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("48")));
  ASSERT_THAT(pool.Allocate(1000, &block), IsOk());
  EXPECT_THAT(pool.Reallocate(1000, -1, &block), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(pool.Reallocate(-kMax - 1, 500, &block), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(pool.Reallocate(1000, 500, 0, &block), StatusIs(StatusCode::kInvalidArgument));
  pool.Free(block, 1000);
  ASSERT_THAT(pool.Allocate(1000, &block), IsOk());
  pool.Free(block, 1000);
}

TEST(QuotaPool, NoSumOverflows) {
  QuotaMemoryPool pool(system_memory_pool(), kMax);
  uint8_t* block = nullptr;
  ASSERT_THAT(pool.Allocate(100, &block), IsOk());
  uint8_t* more = nullptr;
  EXPECT_THAT(pool.Allocate(kMax, &more), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(pool.Allocate(kMax - 100, &more), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(pool.Reallocate(100, kMax, &block), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(pool.bytes_allocated(), 100);
  pool.Free(block, 100);
}

TEST(QuotaPool, ALimitOfNothingLetsOnlyEmptyBlocksThrough) {
  for (const int64_t limit : {int64_t{0}, int64_t{-1}, -kMax - 1}) {
    QuotaMemoryPool pool(system_memory_pool(), limit);
    EXPECT_EQ(pool.bytes_limit(), 0);
    uint8_t* block = nullptr;
    EXPECT_THAT(pool.Allocate(1, &block), StatusIs(StatusCode::kResourceExhausted));
    ASSERT_THAT(pool.Allocate(0, &block), IsOk());
    EXPECT_NE(block, nullptr);
    pool.Free(block, 0);
  }
}

TEST(QuotaPool, TwoThreadsNeverPassTheLimitTogether) {
  constexpr int64_t kLimit = 10'000;
  constexpr int kThreads = 4;
  constexpr int kRounds = 2'000;
  const std::unique_ptr<MemoryPool> below = MemoryPool::CreateDefault();
  QuotaMemoryPool pool(below.get(), kLimit);
  std::atomic<int64_t> live{0};
  std::atomic<int64_t> highest{0};
  std::atomic<int64_t> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::minstd_rand random(t + 1);
      for (int i = 0; i < kRounds; ++i) {
        const int64_t size = static_cast<int64_t>(random() % 4000) + 1000;
        uint8_t* block = nullptr;
        if (!pool.Allocate(size, &block).ok()) {
          ++refused;
          continue;
        }
        // Counted after the grant and before the free: all bytes in this count were live in the
        // pool at one moment.
        const int64_t now = live += size;
        int64_t seen = highest;
        while (seen < now && !highest.compare_exchange_weak(seen, now)) {
        }
        if (i % 64 == 0) std::this_thread::yield();
        live -= size;
        pool.Free(block, size);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(highest, kLimit);
  EXPECT_LE(pool.max_memory(), kLimit);
  EXPECT_EQ(pool.bytes_allocated(), 0);
  EXPECT_EQ(below->bytes_allocated(), 0);
  EXPECT_EQ(pool.num_allocations(), kThreads * kRounds - refused);
  uint8_t* all = nullptr;
  ASSERT_THAT(pool.Allocate(kLimit, &all), IsOk()) << "reservations were left over";
  pool.Free(all, kLimit);
}

// All threads ask for more than half and none frees: in any order, exactly one gets it.
TEST(QuotaPool, OfManyThreadsAskingForMoreThanHalfOneGetsIt) {
  constexpr int kThreads = 4;
  for (int round = 0; round < 50; ++round) {
    QuotaMemoryPool pool(system_memory_pool(), 1000);
    std::atomic<int> waiting{kThreads};
    std::atomic<int> granted{0};
    std::vector<uint8_t*> blocks(kThreads, nullptr);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        --waiting;
        while (waiting > 0) std::this_thread::yield();
        if (pool.Allocate(501, &blocks[t]).ok()) ++granted;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(granted, 1);
    for (uint8_t* block : blocks) {
      if (block != nullptr) pool.Free(block, 501);
    }
  }
}

TEST(QuotaPool, TheInnerOfTwoLimitsHolds) {
  auto inner = std::make_shared<QuotaMemoryPool>(system_memory_pool(), 500);
  QuotaMemoryPool outer(inner, 1000);
  uint8_t* block = nullptr;
  EXPECT_THAT(outer.Allocate(501, &block),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("limit is 500")));
  EXPECT_EQ(outer.bytes_allocated(), 0);
  ASSERT_THAT(outer.Allocate(500, &block), IsOk());
  EXPECT_EQ(outer.backend_name(), "system");
  outer.Free(block, 500);
}

TEST(QuotaPool, PrintsItsLimitItsOwnFiguresAndThoseOfThePoolBelow) {
  auto below = MemoryPool::CreateDefault();
  QuotaMemoryPool quota(below.get(), 1000);
  uint8_t* other = nullptr;
  uint8_t* block = nullptr;
  ASSERT_TRUE(below->Allocate(50, &other).ok());
  ASSERT_TRUE(quota.Allocate(700, &block).ok());
  ::testing::internal::CaptureStderr();
  quota.PrintStats();
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("quota of 1000 bytes"), std::string::npos) << text;
  EXPECT_NE(text.find(": 700 bytes live"), std::string::npos) << text;
  EXPECT_NE(text.find(": 750 bytes live"), std::string::npos) << text;
  quota.Free(block, 700);
  below->Free(other, 50);
}

}  // namespace
}  // namespace alkaid
