// What only the system backend promises. For what all backends promise see testing/pool_contract.h.

#include <gtest/gtest.h>
#include <malloc.h>

#include "alkaid/core/pools/memory_pool.h"

namespace alkaid {
namespace {

TEST(SystemBackend, ItsBlocksAreTheCLibrarysOwn) {
  uint8_t* block = nullptr;
  ASSERT_TRUE(system_memory_pool()->Allocate(1000, &block).ok());
  // Only the allocator that owns the block knows its size; any other would crash or return
  // nonsense.
  EXPECT_GE(malloc_usable_size(block), 1000u);
  EXPECT_LT(malloc_usable_size(block), 4096u);
  system_memory_pool()->Free(block, 1000);
}

TEST(SystemBackend, ABlockThatShrinksALittleStaysAndOneThatShrinksMuchGivesMemoryBack) {
  MemoryPool* pool = system_memory_pool();
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool->Allocate(1 << 20, &block).ok());
  uint8_t* const first = block;
  ASSERT_TRUE(pool->Reallocate(1 << 20, 3 << 18, &block).ok());
  EXPECT_EQ(block, first);
  ASSERT_TRUE(pool->Reallocate(3 << 18, 1 << 10, &block).ok());
  EXPECT_LT(malloc_usable_size(block), size_t{1} << 14);
  pool->Free(block, 1 << 10);
}

// Shrinking by less than half each time must not keep the first block for ever.
TEST(SystemBackend, ABlockThatShrinksStepByStepGivesMemoryBackInTheEnd) {
  MemoryPool* pool = system_memory_pool();
  uint8_t* block = nullptr;
  int64_t size = 16 << 20;
  ASSERT_TRUE(pool->Allocate(size, &block).ok());
  while (size > 1024) {
    const int64_t smaller = size * 3 / 4;
    ASSERT_TRUE(pool->Reallocate(size, smaller, &block).ok());
    size = smaller;
  }
  EXPECT_LT(malloc_usable_size(block), size_t{1} << 14);
  pool->Free(block, size);
}

}  // namespace
}  // namespace alkaid
