// Runs against the double of Arrow's pool in cpp/fixtures/arrow; ci/check_arrow_programs.sh
// compiles the same tests against Arrow itself.
#include "alkaid/interop/arrow_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include "alkaid/core/memory.h"
#include "alkaid/testing/pool_contract.h"

namespace alkaid::interop {
namespace {

using ::testing::HasSubstr;

// A program's own pool that behaves as the test says.
class ToldPool : public ProxyMemoryPool {
 public:
  ToldPool() : ProxyMemoryPool(system_memory_pool()) {}
  using MemoryPool::Allocate;
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    if (thrown == 1) throw std::bad_alloc();
    if (thrown == 2) throw std::runtime_error("the pool fell over");
    if (!answer.ok()) return answer;
    if (without_block) {
      *out = nullptr;
      return absl::OkStatus();
    }
    return ProxyMemoryPool::Allocate(size, alignment, out);
  }
  void ReleaseUnused() override { ++released; }
  void PrintStats() override { ++printed; }

  int thrown = 0;
  bool without_block = false;
  int released = 0;
  int printed = 0;
  Status answer;
};

// An Arrow pool that misaligns its blocks by 8 on demand, and refuses what Arrow's own pools do.
class ToldArrowPool : public ArrowMemoryPool {
 public:
  ToldArrowPool() : ArrowMemoryPool(std::make_shared<ProxyMemoryPool>(system_memory_pool())) {}
  using ArrowMemoryPool::Allocate;
  ::arrow::Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    if (alignment < 8) return ::arrow::Status::Invalid("invalid alignment parameter");
    if (!answer.ok()) return answer;
    const ::arrow::Status status = ArrowMemoryPool::Allocate(size + 8, alignment, out);
    if (status.ok() && misaligned) *out += 8;
    return status;
  }
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    ArrowMemoryPool::Free(misaligned ? buffer - 8 : buffer, size + 8, alignment);
  }
  ::arrow::Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                             uint8_t** ptr) override {
    if (!answer.ok()) return answer;
    return ArrowMemoryPool::Reallocate(old_size + 8, new_size + 8, alignment, ptr);
  }

  bool misaligned = false;
  ::arrow::Status answer = ::arrow::Status::OK();
};

TEST(ArrowPool, GivesArrowTheBlocksAndFiguresOfThePoolThatItIsOver) {
  ProxyMemoryPool below(default_memory_pool());
  ArrowMemoryPool pool(&below);
  ::arrow::MemoryPool& arrows = pool;

  uint8_t* block = nullptr;
  ASSERT_TRUE(arrows.Allocate(100, &block).ok());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 64, 0u);
  std::memset(block, 7, 100);
  ASSERT_TRUE(arrows.Reallocate(100, 5000, &block).ok());
  EXPECT_EQ(block[99], 7);
  EXPECT_EQ(arrows.bytes_allocated(), 5000);
  EXPECT_EQ(arrows.bytes_allocated(), below.bytes_allocated());
  EXPECT_EQ(arrows.max_memory(), below.max_memory());
  EXPECT_EQ(arrows.total_bytes_allocated(), below.total_bytes_allocated());
  EXPECT_EQ(arrows.num_allocations(), 2);
  EXPECT_EQ(arrows.backend_name(), default_memory_pool()->backend_name());
  arrows.Free(block, 5000);
  EXPECT_EQ(arrows.bytes_allocated(), 0);
  EXPECT_EQ(pool.pool(), &below);
}

TEST(ArrowPool, GrantsEveryAlignmentAndNoBytes) {
  ArrowMemoryPool pool(system_memory_pool());
  for (const int64_t alignment :
       {int64_t{1}, int64_t{8}, int64_t{64}, int64_t{4096}, kMaxBufferAlignment}) {
    for (const int64_t size : {0, 1, 4097}) {
      uint8_t* block = nullptr;
      ASSERT_TRUE(pool.Allocate(size, alignment, &block).ok()) << size << " at " << alignment;
      EXPECT_NE(block, nullptr);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % static_cast<uintptr_t>(alignment), 0u);
      pool.Free(block, size, alignment);
    }
  }
}

TEST(ArrowPool, RefusesWhatNoPoolGrantsInArrowsWords) {
  ArrowMemoryPool pool(system_memory_pool());
  uint8_t mine = 0;
  uint8_t* block = &mine;
  const auto negative = pool.Allocate(-1, 64, &block);
  EXPECT_EQ(negative.code(), ::arrow::StatusCode::Invalid);
  EXPECT_THAT(negative.message(), HasSubstr("-1"));
  const auto crooked = pool.Allocate(10, 48, &block);
  EXPECT_EQ(crooked.code(), ::arrow::StatusCode::Invalid);
  EXPECT_THAT(crooked.message(), HasSubstr("48"));
  const auto huge = pool.Allocate(std::numeric_limits<int64_t>::max() - 63, 64, &block);
  EXPECT_EQ(huge.code(), ::arrow::StatusCode::OutOfMemory);
  EXPECT_EQ(block, &mine);
}

TEST(ArrowPool, KeepsTheTextOfALimit) {
  CappedMemoryPool capped(std::make_shared<ProxyMemoryPool>(system_memory_pool()), 1000);
  ArrowMemoryPool pool(&capped);
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool.Allocate(600, 64, &block).ok());
  uint8_t* other = nullptr;
  const auto refused = pool.Allocate(600, 64, &other);
  EXPECT_EQ(refused.code(), ::arrow::StatusCode::OutOfMemory);
  EXPECT_EQ(refused.message(), capped.Allocate(600, &other).message());
  EXPECT_THAT(refused.message(), HasSubstr("1000"));
  const auto grown = pool.Reallocate(600, 1001, 64, &block);
  EXPECT_EQ(grown.code(), ::arrow::StatusCode::OutOfMemory);
  pool.Free(block, 600, 64);
}

TEST(ArrowPool, ThrowsNothingToArrow) {
  ToldPool told;
  ArrowMemoryPool pool(&told);
  uint8_t* block = nullptr;
  told.thrown = 1;
  EXPECT_EQ(pool.Allocate(10, 64, &block).code(), ::arrow::StatusCode::OutOfMemory);
  told.thrown = 2;
  const auto fell = pool.Allocate(10, 64, &block);
  EXPECT_EQ(fell.code(), ::arrow::StatusCode::UnknownError);
  EXPECT_THAT(fell.message(), HasSubstr("the pool fell over"));
  told.thrown = 0;
  told.without_block = true;
  EXPECT_EQ(pool.Allocate(10, 64, &block).code(), ::arrow::StatusCode::OutOfMemory);
  pool.ReleaseUnused();
  pool.PrintStats();
  EXPECT_EQ(told.released, 1);
  EXPECT_EQ(told.printed, 1);
}

TEST(ArrowPool, TranslatesEveryCodeThatBothHaveThereAndBack) {
  for (const Status& status :
       {status::OutOfMemory("a"), status::Invalid("b"), status::IndexError("c"),
        status::NotImplemented("d"), status::KeyError("e"), status::AlreadyExists("f"),
        absl::CancelledError("g"), absl::OkStatus()}) {
    EXPECT_EQ(FromArrowStatus(ToArrowStatus(status)), status);
  }
  const auto unknown = ToArrowStatus(status::DataLoss("byte 7"));
  EXPECT_EQ(unknown.code(), ::arrow::StatusCode::UnknownError);
  EXPECT_THAT(unknown.message(), HasSubstr("DATA_LOSS: byte 7"));
  EXPECT_EQ(FromArrowStatus(::arrow::Status::CapacityError("full")), status::OutOfMemory("full"));
  const auto typed = FromArrowStatus(::arrow::Status::TypeError("not a list"));
  EXPECT_EQ(typed.code(), StatusCode::kUnknown);
  EXPECT_THAT(typed.message(), HasSubstr("not a list"));
}

TEST(PoolOverArrow, CountsCapsAndNamesWhatComesFromArrow) {
  ArrowMemoryPool arrows(std::make_shared<ProxyMemoryPool>(system_memory_pool()));
  MemoryPoolOverArrow pool(&arrows);
  EXPECT_EQ(pool.backend_name(), "arrow:system");
  EXPECT_EQ(pool.arrow_pool(), &arrows);
  {
    const auto buffer = AllocateBuffer(1000, &pool).value();
    EXPECT_EQ(pool.bytes_allocated(), arrows.bytes_allocated());
    EXPECT_GE(pool.bytes_allocated(), 1000);
  }
  EXPECT_EQ(pool.bytes_allocated(), 0);
  EXPECT_EQ(arrows.bytes_allocated(), 0);

  CappedMemoryPool capped(&pool, 100);
  uint8_t* block = nullptr;
  EXPECT_EQ(capped.Allocate(200, &block).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(arrows.bytes_allocated(), 0);
}

TEST(PoolOverArrow, PassesOnWhyArrowRefused) {
  ToldArrowPool arrows;
  MemoryPoolOverArrow pool(&arrows);
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool.Allocate(10, 1, &block).ok());
  arrows.answer = ::arrow::Status::OutOfMemory("malloc of size 20 failed");
  EXPECT_EQ(pool.Reallocate(10, 20, 1, &block), status::OutOfMemory("malloc of size 20 failed"));
  pool.Free(block, 10, 1);
  EXPECT_EQ(pool.Allocate(20, &block), status::OutOfMemory("malloc of size 20 failed"));
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST(PoolOverArrow, RefusesABlockThatIsNotAlignedAndGivesItBack) {
  ToldArrowPool arrows;
  arrows.misaligned = true;
  MemoryPoolOverArrow pool(&arrows);
  uint8_t* block = nullptr;
  const Status status = pool.Allocate(100, &block);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("aligned to 64"));
  EXPECT_EQ(arrows.bytes_allocated(), 0);
}

ALKAID_INSTANTIATE_POOL_CONTRACT(PoolOverAPoolOfArrows, [] {
  return std::make_shared<MemoryPoolOverArrow>(
      std::make_shared<ArrowMemoryPool>(system_memory_pool()));
});

}  // namespace
}  // namespace alkaid::interop
