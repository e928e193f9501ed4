#include "alkaid/core/pools/pmr.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory_resource>
#include <string>
#include <vector>

#include "alkaid/core/pools/capped_memory_pool.h"
#include "alkaid/core/pools/stl_allocator.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::HasSubstr;

TEST(PoolResource, PmrContainersTakeFromThePoolAndGiveBack) {
  const std::unique_ptr<MemoryPool> pool = MemoryPool::CreateDefault();
  PoolMemoryResource resource(pool.get());
  {
    std::pmr::vector<double> values(1000, 0.5, &resource);
    EXPECT_EQ(pool->bytes_allocated(), 8000);
    std::pmr::string text("a string that is too long to be kept within itself", &resource);
    EXPECT_GT(pool->bytes_allocated(), 8000);
  }
  EXPECT_EQ(pool->bytes_allocated(), 0);
}

TEST(PoolResource, KeepsTheAlignmentAskedFor) {
  PoolMemoryResource resource(system_memory_pool());
  for (size_t alignment = 1; alignment <= size_t{kMaxBufferAlignment}; alignment *= 2) {
    void* block = resource.allocate(100, alignment);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % alignment, 0u) << alignment;
    resource.deallocate(block, 100, alignment);
  }
}

TEST(PoolResource, ThrowsWhatSaysWhy) {
  CappedMemoryPool pool(system_memory_pool(), 100);
  PoolMemoryResource resource(&pool);
  try {
    void* block = resource.allocate(101, 8);
    resource.deallocate(block, 101, 8);
    FAIL() << "101 bytes from a pool of 100";
  } catch (const std::bad_alloc& caught) {
    EXPECT_THAT(caught.what(), HasSubstr("101 bytes requested"));
  }
}

TEST(PoolResource, ThrowsForWhatNoPoolCanBeAsked) {
  PoolMemoryResource resource(system_memory_pool());
  const int64_t before = system_memory_pool()->num_allocations();
  // Volatile, so that the compiler does not warn of what this test is about.
  const volatile size_t most = std::numeric_limits<size_t>::max();
  EXPECT_THROW((void)resource.allocate(most, 8), std::bad_alloc);
  EXPECT_THROW((void)resource.allocate(most / 2, 8), std::bad_alloc);
  EXPECT_THROW((void)resource.allocate(8, 2 * size_t{kMaxBufferAlignment}), std::bad_alloc);
  EXPECT_THROW((void)resource.allocate(8, most / 2 + 1), std::bad_alloc);
  EXPECT_EQ(system_memory_pool()->num_allocations(), before);
}

TEST(PoolResource, IsEqualWhenThePoolIs) {
  const std::unique_ptr<MemoryPool> pool = MemoryPool::CreateDefault();
  const PoolMemoryResource one(pool.get());
  const PoolMemoryResource same(pool.get());
  const PoolMemoryResource other(system_memory_pool());
  EXPECT_TRUE(one.is_equal(same));
  EXPECT_FALSE(one.is_equal(other));
  EXPECT_FALSE(one.is_equal(*std::pmr::new_delete_resource()));
}

TEST(PoolResource, SharesOwnershipOfThePool) {
  std::shared_ptr<MemoryPool> pool = MemoryPool::CreateDefault();
  const std::weak_ptr<MemoryPool> watch = pool;
  {
    PoolMemoryResource resource(std::move(pool));
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

// Serves from a fixed store and records the requests.
class SmallResource : public std::pmr::memory_resource {
 public:
  size_t last_bytes = 0;
  size_t last_alignment = 0;
  int blocks = 0;

 private:
  void* do_allocate(size_t bytes, size_t alignment) override {
    if (bytes > 1000) throw std::bad_alloc();
    last_bytes = bytes;
    last_alignment = alignment;
    ++blocks;
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* block, size_t bytes, size_t alignment) override {
    last_bytes = bytes;
    last_alignment = alignment;
    --blocks;
    std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

TEST(ResourcePool, PassesSizeAndAlignmentBothWays) {
  SmallResource resource;
  MemoryResourcePool pool(&resource);
  uint8_t* block = nullptr;
  ASSERT_THAT(pool.Allocate(100, 256, &block), IsOk());
  EXPECT_EQ(resource.last_bytes, 100u);
  EXPECT_EQ(resource.last_alignment, 256u);
  pool.Free(block, 100, 256);
  EXPECT_EQ(resource.last_bytes, 100u);
  EXPECT_EQ(resource.last_alignment, 256u);
  EXPECT_EQ(resource.blocks, 0);
}

TEST(ResourcePool, TurnsTheResourcesExceptionIntoAStatus) {
  SmallResource resource;
  MemoryResourcePool pool(&resource);
  uint8_t* block = nullptr;
  EXPECT_THAT(pool.Allocate(1001, &block),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("1001 bytes")));
  ASSERT_THAT(pool.Allocate(1000, &block), IsOk());
  block[999] = 42;
  EXPECT_THAT(pool.Reallocate(1000, 1001, &block), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(block[999], 42);
  EXPECT_EQ(resource.blocks, 1);
  pool.Free(block, 1000);
}

TEST(ResourcePool, AMonotonicResourceServesOneThread) {
  std::pmr::monotonic_buffer_resource arena;
  MemoryResourcePool pool(&arena);
  uint8_t* block = nullptr;
  ASSERT_THAT(pool.Allocate(100, &block), IsOk());
  ASSERT_THAT(pool.Reallocate(100, 100'000, &block), IsOk());
  block[99'999] = 1;
  pool.Free(block, 100'000);
  EXPECT_EQ(pool.bytes_allocated(), 0);
}

TEST(ResourcePool, IsCalledPmr) { EXPECT_EQ(MemoryResourcePool().backend_name(), "pmr"); }

}  // namespace
}  // namespace alkaid
