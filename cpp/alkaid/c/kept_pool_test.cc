#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "alkaid/c/kept_pool_internal.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/pools/memory_pool_registry.h"

namespace alkaid::c {
namespace {

// A pool that sets `*gone` when it is destroyed.
std::shared_ptr<MemoryPool> Below(bool* gone) {
  std::shared_ptr<MemoryPool> pool(CreateMemoryPool("system").value());
  return {pool.get(), [pool, gone](MemoryPool*) mutable {
            pool.reset();
            *gone = true;
          }};
}

TEST(KeptPool, LivesAsLongAsItsLastBlock) {
  bool gone = false;
  uint8_t* first = nullptr;
  uint8_t* empty = nullptr;
  auto kept = KeptWithBlocks(Below(&gone));
  MemoryPool* const pool = kept.get();
  ASSERT_TRUE(pool->Allocate(100, &first).ok());
  ASSERT_TRUE(pool->Allocate(0, &empty).ok());
  kept.reset();
  EXPECT_FALSE(gone);
  ASSERT_TRUE(pool->Reallocate(100, 200, &first).ok());
  pool->Free(empty, 0);
  EXPECT_FALSE(gone);
  pool->Free(first, 200);
  EXPECT_TRUE(gone);
}

TEST(KeptPool, GoesWithItsPointerWhereNoBlockIsLeft) {
  bool gone = false;
  auto kept = KeptWithBlocks(Below(&gone));
  uint8_t* block = nullptr;
  ASSERT_TRUE(kept->Allocate(100, &block).ok());
  kept->Free(block, 100);
  EXPECT_FALSE(kept->Allocate(-1, &block).ok());
  EXPECT_FALSE(gone);
  kept.reset();
  EXPECT_TRUE(gone);
}

TEST(KeptPool, ABufferMayGoOnAnotherThread) {
  bool gone = false;
  auto kept = KeptWithBlocks(Below(&gone));
  std::shared_ptr<Buffer> buffer = AllocateBuffer(1000, kept.get()).value();
  kept.reset();
  std::thread([moved = std::move(buffer)]() mutable { moved.reset(); }).join();
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace alkaid::c
