#include "alkaid/core/pools/capped_memory_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

// A pool below that only the test uses.
class CappedPool : public ::testing::Test {
 protected:
  ProxyMemoryPool below{system_memory_pool()};
};

TEST_F(CappedPool, GrantsTheLimitAndNotAByteMore) {
  CappedMemoryPool pool(&below, 1000);
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

TEST_F(CappedPool, TheLimitIsOnAllThatThePoolBelowHas) {
  CappedMemoryPool pool(&below, 1000);
  uint8_t* others = nullptr;
  uint8_t* block = nullptr;
  ASSERT_THAT(below.Allocate(600, &others), IsOk());
  EXPECT_EQ(pool.bytes_allocated(), 600);
  EXPECT_THAT(pool.Allocate(401, &block), StatusIs(StatusCode::kResourceExhausted));
  ASSERT_THAT(pool.Allocate(400, &block), IsOk());
  EXPECT_THAT(pool.Reallocate(400, 401, &block), StatusIs(StatusCode::kResourceExhausted));
  below.Free(others, 600);
  ASSERT_THAT(pool.Reallocate(400, 1000, &block), IsOk());
  EXPECT_EQ(pool.max_memory(), below.max_memory());
  EXPECT_EQ(pool.total_bytes_allocated(), below.total_bytes_allocated());
  EXPECT_EQ(pool.num_allocations(), below.num_allocations());
  pool.Free(block, 1000);
}

TEST_F(CappedPool, AboveTheLimitBlocksStillShrinkAndEmptyOnesAreGranted) {
  CappedMemoryPool pool(&below, 1000);
  uint8_t* block = nullptr;
  uint8_t* others = nullptr;
  uint8_t* empty = nullptr;
  ASSERT_THAT(pool.Allocate(1000, &block), IsOk());
  ASSERT_THAT(below.Allocate(5000, &others), IsOk());
  EXPECT_THAT(pool.Reallocate(1000, 1001, &block), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(pool.Reallocate(1000, 1000, &block), IsOk());
  EXPECT_THAT(pool.Reallocate(1000, 10, &block), IsOk());
  EXPECT_THAT(pool.Allocate(0, &empty), IsOk());
  pool.Free(empty, 0);
  pool.Free(block, 10);
  below.Free(others, 5000);
}

// As with Arrow's pool, which passes all frees on.
TEST_F(CappedPool, BlocksMayGoBackPastThePool) {
  CappedMemoryPool pool(&below, 1000);
  for (int round = 0; round < 3; ++round) {
    uint8_t* block = nullptr;
    ASSERT_THAT(pool.Allocate(1000, &block), IsOk());
    below.Free(block, 1000);
    ASSERT_THAT(below.Allocate(900, &block), IsOk());
    uint8_t* more = nullptr;
    EXPECT_THAT(pool.Allocate(101, &more), StatusIs(StatusCode::kResourceExhausted));
    pool.Free(block, 900);
  }
}

TEST_F(CappedPool, TheRefusalNamesRequestLimitAndUse) {
  CappedMemoryPool pool(&below, 1000);
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

TEST_F(CappedPool, AFailureBelowGivesTheReservationBack) {
  FaultInjectingMemoryPool faulty(&below);
  CappedMemoryPool pool(&faulty, 1000);
  uint8_t* block = nullptr;
  faulty.fail_after(1);
  EXPECT_THAT(pool.Allocate(1000, &block),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("injected")));
  ASSERT_THAT(pool.Allocate(400, &block), IsOk());
  faulty.fail_after(1);
  EXPECT_THAT(pool.Reallocate(400, 1000, &block),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("injected")));
  faulty.fail_after(1);
  EXPECT_THAT(pool.Reallocate(400, 100, &block), StatusIs(StatusCode::kResourceExhausted));
  uint8_t* rest = nullptr;
  EXPECT_THAT(pool.Allocate(601, &rest), StatusIs(StatusCode::kResourceExhausted));
  ASSERT_THAT(pool.Allocate(600, &rest), IsOk());
  pool.Free(rest, 600);
  pool.Free(block, 400);
}

TEST_F(CappedPool, ArgumentsThatMakeNoSenseReserveNothing) {
  CappedMemoryPool pool(&below, 1000);
  uint8_t* block = nullptr;
  EXPECT_THAT(pool.Allocate(-1, &block), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(pool.Allocate(5000, 48, &block),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("48")));
  ASSERT_THAT(pool.Allocate(1000, &block), IsOk());
  EXPECT_THAT(pool.Reallocate(1000, -1, &block), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(pool.Reallocate(-kMax - 1, 500, &block), StatusIs(StatusCode::kInvalidArgument));
  pool.Free(block, 1000);
  ASSERT_THAT(pool.Allocate(1000, &block), IsOk());
  pool.Free(block, 1000);
}

TEST_F(CappedPool, NoSumOverflows) {
  CappedMemoryPool pool(&below, kMax);
  uint8_t* block = nullptr;
  ASSERT_THAT(pool.Allocate(100, &block), IsOk());
  uint8_t* more = nullptr;
  EXPECT_THAT(pool.Allocate(kMax, &more), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(pool.Allocate(kMax - 100, &more), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(pool.Reallocate(100, kMax, &block), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(pool.bytes_allocated(), 100);
  pool.Free(block, 100);
}

TEST_F(CappedPool, ALimitOfNothingLetsOnlyEmptyBlocksThrough) {
  for (const int64_t limit : {int64_t{0}, int64_t{-1}, -kMax - 1}) {
    CappedMemoryPool pool(&below, limit);
    EXPECT_EQ(pool.bytes_limit(), 0);
    uint8_t* block = nullptr;
    EXPECT_THAT(pool.Allocate(1, &block), StatusIs(StatusCode::kResourceExhausted));
    ASSERT_THAT(pool.Allocate(0, &block), IsOk());
    pool.Free(block, 0);
  }
}

TEST_F(CappedPool, TwoThreadsNeverPassTheLimitTogether) {
  constexpr int64_t kLimit = 10'000;
  constexpr int64_t kOfOthers = 3'000;
  constexpr int kThreads = 4;
  constexpr int kRounds = 2'000;
  CappedMemoryPool pool(&below, kLimit);
  uint8_t* others = nullptr;
  ASSERT_THAT(below.Allocate(kOfOthers, &others), IsOk());
  std::atomic<int64_t> live{kOfOthers};
  std::atomic<int64_t> highest{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::minstd_rand random(t + 1);
      for (int i = 0; i < kRounds; ++i) {
        const int64_t size = static_cast<int64_t>(random() % 3000) + 1000;
        uint8_t* block = nullptr;
        if (!pool.Allocate(size, &block).ok()) continue;
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
  EXPECT_EQ(pool.bytes_allocated(), kOfOthers);
  uint8_t* rest = nullptr;
  ASSERT_THAT(pool.Allocate(kLimit - kOfOthers, &rest), IsOk()) << "reservations were left over";
  pool.Free(rest, kLimit - kOfOthers);
  below.Free(others, kOfOthers);
}

// All threads ask for more than half and none frees: in any order, exactly one gets it.
TEST_F(CappedPool, OfManyThreadsAskingForMoreThanHalfOneGetsIt) {
  constexpr int kThreads = 4;
  for (int round = 0; round < 50; ++round) {
    CappedMemoryPool pool(&below, 1000);
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

// A pool that asks the capped pool above it while it serves that pool's call.
class AskingPool final : public ForwardingMemoryPool {
 public:
  explicit AskingPool(MemoryPool* pool) : ForwardingMemoryPool(pool) {}
  using ForwardingMemoryPool::Allocate;
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    ALKAID_RETURN_NOT_OK(ForwardingMemoryPool::Allocate(size, alignment, out));
    uint8_t* more = nullptr;
    if (MemoryPool* const pool = std::exchange(above, nullptr)) {
      answer = pool->Allocate(asks, &more);
    }
    return absl::OkStatus();
  }
  MemoryPool* above = nullptr;
  int64_t asks = 0;
  Status answer;
};

TEST_F(CappedPool, ACallFromWithinACallIsAnsweredAndNeverWaitsForEver) {
  AskingPool asking(&below);
  CappedMemoryPool pool(&asking, 1000);
  // The block of the call in flight counts twice: with it, 500 and 100 are too much.
  for (const int64_t asks : {600, 100}) {
    asking.above = &pool;
    asking.asks = asks;
    uint8_t* block = nullptr;
    ASSERT_THAT(pool.Allocate(500, &block), IsOk());
    EXPECT_THAT(asking.answer, StatusIs(StatusCode::kResourceExhausted));
    pool.Free(block, 500);
  }
}

TEST_F(CappedPool, TheInnerOfTwoLimitsHolds) {
  auto inner = std::make_shared<CappedMemoryPool>(&below, 500);
  CappedMemoryPool outer(inner, 1000);
  uint8_t* block = nullptr;
  EXPECT_THAT(outer.Allocate(501, &block),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("limit is 500")));
  ASSERT_THAT(outer.Allocate(500, &block), IsOk());
  EXPECT_EQ(outer.backend_name(), "system");
  outer.Free(block, 500);
}

TEST_F(CappedPool, PrintsItsLimitAndTheFiguresBelow) {
  CappedMemoryPool capped(&below, 1000);
  uint8_t* block = nullptr;
  ASSERT_TRUE(capped.Allocate(700, &block).ok());
  ::testing::internal::CaptureStderr();
  capped.PrintStats();
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("limit of 1000 bytes"), std::string::npos) << text;
  EXPECT_NE(text.find(": 700 bytes live"), std::string::npos) << text;
  capped.Free(block, 700);
}

}  // namespace
}  // namespace alkaid
