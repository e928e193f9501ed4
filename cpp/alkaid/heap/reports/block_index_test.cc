#include <gtest/gtest.h>

#include <vector>

#include "alkaid/heap/reports/block_index_internal.h"

namespace alkaid::heap {
namespace {

HeapBlock Block(uint64_t address, int64_t size) {
  HeapBlock block;
  block.address = address;
  block.size = size;
  return block;
}

TEST(BlockIndex, KnowsWhereABlockBeginsAndWhatLiesInOne) {
  const std::vector<HeapBlock> blocks = {Block(0x1000, 16), Block(0x1010, 0), Block(0x2000, 100)};
  BlockIndex index(blocks);
  EXPECT_EQ(index.At(0x1000), 0u);
  EXPECT_EQ(index.At(0x1010), 1u);
  EXPECT_EQ(index.At(0x2000), 2u);
  EXPECT_EQ(index.At(0x1008), BlockIndex::kNone);
  for (const uint64_t inside : {0x1000, 0x100f, 0x1010, 0x2000, 0x2063}) {
    EXPECT_TRUE(index.Contains(inside)) << inside;
  }
  for (const uint64_t outside : {0x0, 0xfff, 0x1011, 0x1fff, 0x2064}) {
    EXPECT_FALSE(index.Contains(outside)) << outside;
  }
}

TEST(BlockIndex, CountsItsLookUpsAndAsksForNoneOfWhatLiesOutside) {
  const std::vector<HeapBlock> blocks = {Block(0x1000, 16), Block(0x2000, 100)};
  BlockIndex index(blocks);
  index.Contains(0x500);
  index.Contains(0x3000);
  EXPECT_EQ(index.lookups(), 0u);
  index.Contains(0x1800);
  index.At(0x1000);
  EXPECT_EQ(index.lookups(), 2u);
}

TEST(BlockIndex, OfNoBlocksHoldsNothing) {
  const std::vector<HeapBlock> none;
  BlockIndex index(none);
  EXPECT_FALSE(index.MayHold(0));
  EXPECT_EQ(index.At(0x1000), BlockIndex::kNone);
}

TEST(LoadedModuleAt, KnowsNothingOfWhatWasUnloaded) {
  std::vector<HeapModule> modules(2);
  modules[0].start = 0x1000;
  modules[0].end = 0x3000;
  modules[1].start = kUnloadedModules + 0x1000;
  modules[1].end = kUnloadedModules + 0x2000;
  EXPECT_EQ(LoadedModuleAt(modules, 0x1000), &modules[0]);
  EXPECT_EQ(LoadedModuleAt(modules, 0x2fff), &modules[0]);
  EXPECT_EQ(LoadedModuleAt(modules, 0xfff), nullptr);
  EXPECT_EQ(LoadedModuleAt(modules, 0x3000), nullptr);
  EXPECT_EQ(LoadedModuleAt(modules, kUnloadedModules + 0x1800), nullptr);
}

}  // namespace
}  // namespace alkaid::heap
