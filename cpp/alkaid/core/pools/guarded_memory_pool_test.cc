#include "alkaid/core/pools/guarded_memory_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/core/observers/label.h"
#include "alkaid/core/observers/memory_events.h"
#include "alkaid/core/pools/allocator_statistics.h"
#include "alkaid/core/pools/memory_pool_registry.h"

namespace alkaid {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<MemoryPool> Guarded(const std::string& backend, const GuardedSampling& sampling) {
  auto pool = CreateGuardedMemoryPool(backend, sampling);
  return pool.ok() ? *std::move(pool) : nullptr;
}

TEST(GuardedMemoryPool, NumbersThatMakeNoSenseAreRefusedAndUnknownBackendsNamed) {
  for (const GuardedSampling sampling :
       {GuardedSampling{.blocks = -1}, GuardedSampling{.bytes = -7},
        GuardedSampling{.blocks = INT64_MAX}}) {
    EXPECT_EQ(CreateGuardedMemoryPool("system", sampling).status().code(),
              StatusCode::kInvalidArgument);
  }
  const Status unknown = CreateGuardedMemoryPool("nobody", {.blocks = 1}).status();
  EXPECT_EQ(unknown.code(), StatusCode::kNotFound);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("nobody"));
}

TEST(GuardedMemoryPool, OverEachBackendGuardsAndKeepsItsNameAndItsFigures) {
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    SCOPED_TRACE(backend);
    const auto pool = Guarded(backend, {.blocks = 1});
    ASSERT_NE(pool, nullptr);
    EXPECT_EQ(pool->backend_name(), backend);
    uint8_t* block = nullptr;
    ASSERT_TRUE(pool->Allocate(100, &block).ok());
    EXPECT_TRUE(IsGuardedAddress(block));
    ASSERT_TRUE(pool->Reallocate(100, 70'000, &block).ok());
    EXPECT_TRUE(IsGuardedAddress(block));
    EXPECT_EQ(pool->bytes_allocated(), 70'000);
    EXPECT_EQ(pool->total_bytes_allocated(), 70'000);
    EXPECT_EQ(pool->num_allocations(), 2);
    pool->Free(block, 70'000);
    EXPECT_EQ(pool->bytes_allocated(), 0);
    EXPECT_EQ(pool->max_memory(), 70'000);
  }
}

TEST(GuardedMemoryPool, WithoutSamplingIsTheBackendsPool) {
  const auto pool = Guarded("system", {});
  ASSERT_NE(pool, nullptr);
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool->Allocate(100, &block).ok());
  EXPECT_FALSE(IsGuardedAddress(block));
  pool->Free(block, 100);
}

// Blocks move out of slots and, if none is left, into the allocator: contents and figures stay.
TEST(GuardedMemoryPool, BlocksMoveBetweenSlotsAndTheAllocator) {
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    SCOPED_TRACE(backend);
    // Of ten calls that grow, two or three are due.
    std::vector<std::unique_ptr<MemoryPool>> pools;
    pools.push_back(Guarded(backend, {.blocks = 4}));
    const auto plain = CreateMemoryPool(backend);
    ASSERT_TRUE(plain.ok());
    pools.push_back(
        std::make_unique<GuardedMemoryPool>(plain->get(), GuardedSampling{.blocks = 4}));
    for (const auto& pool : pools) {
      bool was_guarded = false;
      bool was_not = false;
      for (int round = 0; round < 10; ++round) {
        int64_t size = 10;
        uint8_t* block = nullptr;
        ASSERT_TRUE(pool->Allocate(size, &block).ok());
        std::memset(block, 5, static_cast<size_t>(size));
        for (int step = 0; step < 10; ++step) {
          const int64_t larger = size * 2;
          ASSERT_TRUE(pool->Reallocate(size, larger, &block).ok());
          for (int64_t i = 0; i < size; ++i) ASSERT_EQ(block[i], 5) << i;
          std::memset(block, 5, static_cast<size_t>(larger));
          size = larger;
          (IsGuardedAddress(block) ? was_guarded : was_not) = true;
          EXPECT_EQ(pool->bytes_allocated(), size);
        }
        ASSERT_TRUE(pool->Reallocate(size, 33, &block).ok());
        for (int64_t i = 0; i < 33; ++i) ASSERT_EQ(block[i], 5) << i;
        ASSERT_TRUE(pool->Reallocate(33, 0, &block).ok());
        pool->Free(block, 0);
        EXPECT_EQ(pool->bytes_allocated(), 0);
      }
      EXPECT_TRUE(was_guarded && was_not);
    }
    EXPECT_EQ((*plain)->bytes_allocated(), 0);
  }
}

// The events as text.
class Events final : public MemoryObserver {
 public:
  explicit Events(const MemoryPool* pool) : pool_(pool) {
    AddMemoryObserver(this, MemoryEventKinds::kBlocks);
  }
  ~Events() override { RemoveMemoryObserver(this); }

  void OnAllocate(MemoryPool* pool, const void* ptr, int64_t size, int64_t) override {
    Say(pool, absl::StrCat("allocate ", size, " ", Label::Current().name()), ptr);
  }
  void OnReallocate(MemoryPool* pool, const void*, const void* ptr, int64_t old_size,
                    int64_t new_size, int64_t) override {
    Say(pool, absl::StrCat("reallocate ", old_size, " to ", new_size), ptr);
  }
  void OnFree(MemoryPool* pool, const void* ptr, int64_t size) override {
    Say(pool, absl::StrCat("free ", size), ptr);
  }

  std::vector<std::string> seen;

 private:
  void Say(const MemoryPool* pool, const std::string& what, const void* ptr) {
    seen.push_back(what + (pool == pool_ ? "" : " below") +
                   (IsGuardedAddress(ptr) ? " guarded" : ""));
  }
  const MemoryPool* const pool_;
};

TEST(GuardedMemoryPool, ObserversSeeGuardedBlocksLikeOthersWithTheirLabel) {
  const auto pool = Guarded("system", {.blocks = 1});
  Events events(pool.get());
  const ScopedLabel label("seen");
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool->Allocate(100, &block).ok());
  ASSERT_TRUE(pool->Reallocate(100, 200, &block).ok());
  ASSERT_TRUE(pool->Reallocate(200, 50, &block).ok());
  pool->Free(block, 50);
  EXPECT_THAT(events.seen, ElementsAre("allocate 100 seen guarded", "reallocate 100 to 200 guarded",
                                       "reallocate 200 to 50 guarded", "free 50 guarded"));
}

TEST(GuardedMemoryPool, TheAdaptorReportsItsOwnBlocksAndThePoolBelowTheRest) {
  const auto below = CreateMemoryPool("system");
  ASSERT_TRUE(below.ok());
  GuardedMemoryPool pool(below->get(), {.blocks = 1});
  GuardedMemoryPool never(below->get(), {});
  Events events(&pool);
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool.Allocate(100, &block).ok());
  EXPECT_EQ((*below)->bytes_allocated(), 0);
  ASSERT_TRUE(pool.Reallocate(100, 200, &block).ok());
  pool.Free(block, 200);
  ASSERT_TRUE(never.Allocate(10, &block).ok());
  never.Free(block, 10);
  EXPECT_THAT(events.seen, ElementsAre("allocate 100  guarded", "reallocate 100 to 200 guarded",
                                       "free 200 guarded", "allocate 10  below", "free 10 below"));
}

TEST(GuardedMemoryPool, TheAdaptorsFiguresAreOfAllThatPassedThroughIt) {
  const auto below = CreateMemoryPool("system");
  ASSERT_TRUE(below.ok());
  const int64_t before = GetGuardedStatistics().adaptor_bytes;
  GuardedMemoryPool pool(below->get(), {.blocks = 1});
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool.Allocate(100, &block).ok());
  ASSERT_TRUE(IsGuardedAddress(block));
  EXPECT_EQ(pool.bytes_allocated(), 100);
  EXPECT_EQ(GetGuardedStatistics().adaptor_bytes - before, 100);
  EXPECT_EQ(pool.Reallocate(100, -1, &block).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(pool.Reallocate(-1, 100, &block).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(pool.Reallocate(100, 200, 3, &block).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(pool.Reallocate(100, INT64_MAX, &block).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(pool.Reallocate(100, int64_t{1} << 46, &block).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(pool.bytes_allocated(), 100);
  ::testing::internal::CaptureStderr();
  pool.PrintStats();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("guarded blocks (all pools, not in the allocator)"));
  pool.Free(block, 100);
  EXPECT_EQ(GetGuardedStatistics().adaptor_bytes, before);
}

TEST(GuardedMemoryPool, TheAdaptorLeavesWhatThePoolBelowGuardsToIt) {
  const auto below = Guarded("system", {.blocks = 2});
  GuardedMemoryPool pool(below.get(), {.blocks = 2});
  std::vector<uint8_t*> blocks(40);
  for (uint8_t*& block : blocks) ASSERT_TRUE(pool.Allocate(100, &block).ok());
  const int64_t live_below = below->bytes_allocated();
  EXPECT_TRUE(live_below > 0 && live_below < 4000) << live_below;
  EXPECT_EQ(pool.bytes_allocated(), 4000);
  for (uint8_t*& block : blocks) ASSERT_TRUE(pool.Reallocate(100, 120, &block).ok());
  EXPECT_EQ(pool.bytes_allocated(), 4800);
  for (uint8_t*& block : blocks) ASSERT_TRUE(pool.Reallocate(120, 20, &block).ok());
  for (uint8_t* const block : blocks) pool.Free(block, 20);
  EXPECT_EQ(pool.bytes_allocated(), 0);
  EXPECT_EQ(below->bytes_allocated(), 0);
}

TEST(GuardedMemoryPool, WhatTheAllocatorsHaveInUseIncludesTheGuardedBlocksOfTheirPools) {
  constexpr int64_t kSize = 3 << 20;
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    SCOPED_TRACE(backend);
    const auto pool = Guarded(backend, {.blocks = 1});
    const AllocatorStatistics before = GetAllocatorStatistics(backend);
    uint8_t* block = nullptr;
    ASSERT_TRUE(pool->Allocate(kSize, &block).ok());
    ASSERT_TRUE(IsGuardedAddress(block));
    const AllocatorStatistics now = GetAllocatorStatistics(backend);
    pool->Free(block, kSize);
    if (!before.in_use_bytes) continue;  // a sanitizer's malloc
    EXPECT_GE(*now.in_use_bytes - *before.in_use_bytes, kSize);
    EXPECT_LT(*now.in_use_bytes - *before.in_use_bytes, kSize + (1 << 20));
    EXPECT_GE(*now.held_bytes, *now.in_use_bytes);
  }
}

TEST(GuardedMemoryPool, ThreadsShareTheSlotsAndFreeEachOthersBlocks) {
  const auto pool = Guarded("system", {.blocks = 3});
  constexpr int kThreads = 4;
  constexpr int64_t kSize = 600'000;
  std::atomic<uint8_t*> handed[kThreads] = {};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        uint8_t* block = nullptr;
        if (!pool->Allocate(kSize, &block).ok()) std::abort();
        std::memset(block, t, 200);
        if (uint8_t* const other = handed[(t + i) % kThreads].exchange(block))
          pool->Free(other, kSize);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (auto& block : handed) {
    if (block != nullptr) pool->Free(block, kSize);
  }
  EXPECT_EQ(pool->bytes_allocated(), 0);
}

}  // namespace
}  // namespace alkaid
