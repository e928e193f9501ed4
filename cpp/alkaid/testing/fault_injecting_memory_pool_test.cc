#include "alkaid/testing/fault_injecting_memory_pool.h"

#include <gtest/gtest-spi.h>

#include <thread>
#include <vector>

#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::HasSubstr;

class FaultInjectingPool : public ::testing::Test {
 protected:
  std::unique_ptr<MemoryPool> leaf_ = MemoryPool::CreateDefault();
  FaultInjectingMemoryPool pool_{leaf_.get()};
};

TEST_F(FaultInjectingPool, FailsTheNthCallAndWorksAgain) {
  pool_.fail_after(2);
  uint8_t* first = nullptr;
  uint8_t* second = nullptr;
  ASSERT_THAT(pool_.Allocate(64, &first), IsOk());
  EXPECT_THAT(
      pool_.Allocate(77, 128, &second),
      StatusIs(StatusCode::kResourceExhausted, HasSubstr("allocate 77 bytes aligned to 128")));
  EXPECT_EQ(second, nullptr);
  ASSERT_THAT(pool_.Allocate(64, &second), IsOk());
  pool_.Free(first, 64);
  pool_.Free(second, 64);
  EXPECT_EQ(pool_.allocations_seen(), 3);
  EXPECT_EQ(pool_.frees_seen(), 2);
  EXPECT_EQ(pool_.failures_injected(), 1);
  EXPECT_EQ(leaf_->num_allocations(), 2);
  EXPECT_EQ(leaf_->bytes_allocated(), 0);
}

TEST_F(FaultInjectingPool, AFailedReallocationLeavesTheBlock) {
  uint8_t* block = nullptr;
  ASSERT_THAT(pool_.Allocate(64, &block), IsOk());
  block[63] = 42;
  uint8_t* const before = block;
  pool_.fail_after(1);
  EXPECT_THAT(pool_.Reallocate(64, 128, &block),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("reallocate 64 to 128")));
  EXPECT_EQ(block, before);
  EXPECT_EQ(block[63], 42);
  EXPECT_EQ(pool_.bytes_allocated(), 64);
  ASSERT_THAT(pool_.Reallocate(64, 128, &block), IsOk());
  EXPECT_EQ(pool_.reallocations_seen(), 2);
  pool_.Free(block, 128);
}

TEST_F(FaultInjectingPool, CanBeCalledOff) {
  pool_.fail_after(1);
  pool_.fail_after(0);
  uint8_t* block = nullptr;
  ASSERT_THAT(pool_.Allocate(64, &block), IsOk());
  pool_.Free(block, 64);
  EXPECT_EQ(pool_.failures_injected(), 0);
}

TEST_F(FaultInjectingPool, FailsTheNthCallAndAllThatFollowUntilCalledOff) {
  pool_.fail_from(2);
  uint8_t* block = nullptr;
  ASSERT_THAT(pool_.Allocate(64, &block), IsOk());
  for (int i = 0; i < 3; ++i) {
    uint8_t* other = nullptr;
    EXPECT_THAT(pool_.Allocate(64, &other), StatusIs(StatusCode::kResourceExhausted));
    EXPECT_THAT(pool_.Reallocate(64, 128, &block), StatusIs(StatusCode::kResourceExhausted));
  }
  EXPECT_EQ(pool_.failures_injected(), 6);
  pool_.fail_after(0);
  ASSERT_THAT(pool_.Reallocate(64, 128, &block), IsOk());
  pool_.Free(block, 128);
}

TEST_F(FaultInjectingPool, StrikesOneCallOnlyWhenThreadsRace) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 500;
  pool_.fail_after(kThreads * kCalls / 2);
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kCalls; ++i) {
        uint8_t* block = nullptr;
        if (pool_.Allocate(64, &block).ok()) {
          pool_.Free(block, 64);
        } else {
          ++failed;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(pool_.failures_injected(), 1);
}

Status AllocateTwice(MemoryPool* pool) {
  uint8_t* first = nullptr;
  ALKAID_RETURN_NOT_OK(pool->Allocate(64, &first));
  uint8_t* second = nullptr;
  const Status status = pool->Allocate(64, &second);
  if (status.ok()) pool->Free(second, 64);
  pool->Free(first, 64);
  return status;
}

Status LeakWhenTheSecondFails(MemoryPool* pool, uint8_t** leaked) {
  ALKAID_RETURN_NOT_OK(pool->Allocate(64, leaked));
  uint8_t* second = nullptr;
  ALKAID_RETURN_NOT_OK(pool->Allocate(64, &second));
  pool->Free(second, 64);
  pool->Free(*leaked, 64);
  *leaked = nullptr;
  return absl::OkStatus();
}

TEST_F(FaultInjectingPool, TheLoopTriesEveryAllocationPoint) {
  EXPECT_EQ(ForEachAllocationFailure(leaf_.get(), AllocateTwice), 2);
}

TEST_F(FaultInjectingPool, TheLoopFindsALeak) {
  uint8_t* leaked = nullptr;
  EXPECT_NONFATAL_FAILURE(ForEachAllocationFailure(leaf_.get(),
                                                   [&](MemoryPool* pool) {
                                                     if (leaked != nullptr)
                                                       return AllocateTwice(pool);
                                                     return LeakWhenTheSecondFails(pool, &leaked);
                                                   }),
                          "after failing allocation 2");
  ASSERT_NE(leaked, nullptr);
  leaf_->Free(leaked, 64);
}

TEST_F(FaultInjectingPool, TheLoopFindsAFailureThatWasSwallowed) {
  EXPECT_NONFATAL_FAILURE(ForEachAllocationFailure(leaf_.get(),
                                                   [](MemoryPool* pool) {
                                                     uint8_t* block = nullptr;
                                                     if (pool->Allocate(64, &block).ok()) {
                                                       pool->Free(block, 64);
                                                     }
                                                     return absl::OkStatus();
                                                   }),
                          "after failing allocation 1");
}

}  // namespace
}  // namespace alkaid
