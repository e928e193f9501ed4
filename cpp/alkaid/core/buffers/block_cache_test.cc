#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "alkaid/core/buffers/block_cache_internal.h"

namespace alkaid::internal {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kKeepsBlocks = false;
#else
constexpr bool kKeepsBlocks = true;
#endif

TEST(BlockCache, ABlockGivenBackServesTheNextRequestOfItsThread) {
  if (!kKeepsBlocks) GTEST_SKIP() << "under AddressSanitizer no block is kept";
  void* first = AllocateBlock();
  DeallocateBlock(first);
  void* second = AllocateBlock();
  EXPECT_EQ(first, second);
  DeallocateBlock(second);
}

TEST(BlockCache, WhatIsKeptGoesBackAndTheStoreStaysOpen) {
  if (!kKeepsBlocks) GTEST_SKIP() << "under AddressSanitizer no block is kept";
  std::thread([] {
    void* blocks[100];
    for (void*& block : blocks) block = AllocateBlock();
    for (void* block : blocks) DeallocateBlock(block);
    ReleaseKeptBlocks();
    EXPECT_EQ(thread_block_store.first, nullptr);
    EXPECT_EQ(thread_block_store.room, BlockStore::kMaxBlocks);
    void* const block = AllocateBlock();
    DeallocateBlock(block);
    EXPECT_EQ(thread_block_store.first, block);
  }).join();
}

TEST(BlockCache, BlocksInUseNeverOverlap) {
  std::vector<char*> blocks;
  for (int i = 0; i < 3000; ++i) {
    blocks.push_back(static_cast<char*>(AllocateBlock()));
    std::memset(blocks.back(), i % 251, kBlockSize);
  }
  for (int i = 0; i < 3000; ++i) {
    for (size_t j = 0; j < kBlockSize; ++j) ASSERT_EQ(blocks[i][j], static_cast<char>(i % 251));
  }
  for (char* block : blocks) DeallocateBlock(block);
}

TEST(BlockCache, AThreadKeepsNoMoreThanItsLimit) {
  if (!kKeepsBlocks) GTEST_SKIP() << "under AddressSanitizer no block is kept";
  std::thread([] {
    std::vector<void*> blocks(2 * BlockStore::kMaxBlocks);
    for (void*& block : blocks) block = AllocateBlock();
    for (void* block : blocks) DeallocateBlock(block);
    size_t kept = 0;
    for (auto* block = thread_block_store.first; block != nullptr; block = block->next) ++kept;
    EXPECT_EQ(kept, BlockStore::kMaxBlocks);
    EXPECT_EQ(thread_block_store.room, 0u);
  }).join();
}

TEST(BlockCache, ABlockMayBeGivenBackByAnotherThreadAndAfterItsThreadEnded) {
  std::vector<void*> blocks(100);
  std::thread([&] {
    for (void*& block : blocks) std::memset(block = AllocateBlock(), 7, kBlockSize);
  }).join();
  std::thread([&] {
    for (void* block : blocks) {
      const auto* bytes = static_cast<const char*>(block);
      EXPECT_EQ(std::count(bytes, bytes + kBlockSize, 7), kBlockSize);
      DeallocateBlock(block);
    }
    if (!kKeepsBlocks) return;
    // The blocks are this thread's now.
    std::set<void*> again;
    for (size_t i = 0; i < blocks.size(); ++i) again.insert(AllocateBlock());
    EXPECT_EQ(again, std::set<void*>(blocks.begin(), blocks.end()));
    for (void* block : again) DeallocateBlock(block);
  }).join();
}

TEST(BlockCache, TheAllocatorServesSharedPointersAndWhatIsTooLarge) {
  struct Large {
    char bytes[1000];
  };
  auto small = std::allocate_shared<int>(BlockCacheAllocator<int>(), 7);
  auto large = std::allocate_shared<Large>(BlockCacheAllocator<Large>());
  std::memset(large->bytes, 1, sizeof(large->bytes));
  EXPECT_EQ(*small, 7);
  std::vector<int, BlockCacheAllocator<int>> many(1000, 3);
  EXPECT_EQ(many[999], 3);
}

}  // namespace
}  // namespace alkaid::internal
