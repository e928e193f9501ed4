#include "alkaid/core/pools/forwarding_memory_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::Return;

class WrappedPool : public MemoryPool {
 public:
  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;
  MOCK_METHOD(Status, Allocate, (int64_t, int64_t, uint8_t**), (override));
  MOCK_METHOD(Status, Reallocate, (int64_t, int64_t, int64_t, uint8_t**), (override));
  MOCK_METHOD(void, Free, (uint8_t*, int64_t, int64_t), (override));
  MOCK_METHOD(void, ReleaseUnused, (), (override));
  MOCK_METHOD(void, PrintStats, (), (override));
  MOCK_METHOD(int64_t, bytes_allocated, (), (const, override));
  MOCK_METHOD(int64_t, max_memory, (), (const, override));
  MOCK_METHOD(int64_t, total_bytes_allocated, (), (const, override));
  MOCK_METHOD(int64_t, num_allocations, (), (const, override));
  MOCK_METHOD(std::string, backend_name, (), (const, override));
};

class PlainAdaptor final : public ForwardingMemoryPool {
 public:
  explicit PlainAdaptor(MemoryPool* pool) : ForwardingMemoryPool(pool) {}
  explicit PlainAdaptor(std::shared_ptr<MemoryPool> pool) : ForwardingMemoryPool(std::move(pool)) {}
  using ForwardingMemoryPool::wrapped;
};

TEST(ForwardingPool, PassesEachCallAndItsOutcome) {
  WrappedPool below;
  PlainAdaptor pool(&below);
  uint8_t block = 0;
  uint8_t* out = nullptr;

  EXPECT_CALL(below, Allocate(100, 32, &out)).WillOnce(Return(status::OutOfMemory("none left")));
  EXPECT_THAT(pool.Allocate(100, 32, &out), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_CALL(below, Reallocate(100, 200, 32, &out)).WillOnce(Return(status::Invalid("size")));
  EXPECT_THAT(pool.Reallocate(100, 200, 32, &out), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_CALL(below, Free(&block, 200, 32));
  pool.Free(&block, 200, 32);
  EXPECT_CALL(below, ReleaseUnused());
  pool.ReleaseUnused();
  EXPECT_CALL(below, PrintStats());
  pool.PrintStats();
}

TEST(ForwardingPool, HasTheFiguresAndTheNameOfThePoolBelow) {
  WrappedPool below;
  const PlainAdaptor pool(&below);
  EXPECT_CALL(below, bytes_allocated()).WillOnce(Return(1));
  EXPECT_CALL(below, max_memory()).WillOnce(Return(2));
  EXPECT_CALL(below, total_bytes_allocated()).WillOnce(Return(3));
  EXPECT_CALL(below, num_allocations()).WillOnce(Return(4));
  EXPECT_CALL(below, backend_name()).WillOnce(Return("below"));
  EXPECT_EQ(pool.bytes_allocated(), 1);
  EXPECT_EQ(pool.max_memory(), 2);
  EXPECT_EQ(pool.total_bytes_allocated(), 3);
  EXPECT_EQ(pool.num_allocations(), 4);
  EXPECT_EQ(pool.backend_name(), "below");
}

TEST(ForwardingPool, SharesAPoolThatItIsGivenToShare) {
  auto below = std::make_shared<::testing::NiceMock<WrappedPool>>();
  const std::weak_ptr<MemoryPool> watched = below;
  {
    const PlainAdaptor pool{std::shared_ptr<MemoryPool>(std::move(below))};
    EXPECT_EQ(pool.wrapped(), watched.lock().get());
  }
  EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace alkaid
