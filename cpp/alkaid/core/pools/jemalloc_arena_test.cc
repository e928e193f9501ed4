#include "alkaid/core/pools/jemalloc_arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "alkaid/core/pools/jemalloc.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::internal {
namespace {

constexpr int64_t kStep = int64_t{4} << 20;
constexpr int64_t kBlock = int64_t{448} << 10;

int64_t Figure(unsigned arena, const std::string& name) {
  const std::string whole = "stats.arenas." + std::to_string(arena) + "." + name;
  const auto value = jemalloc_get_stat(whole.c_str());
  EXPECT_THAT(value, IsOk());
  return value.value_or(0);
}

TEST(JemallocArena, ServesBlocksOfItsScopeAndGrowsBySmallSteps) {
  MemoryPool* pool = nullptr;
  if (!jemalloc_memory_pool(&pool).ok()) GTEST_SKIP() << "this build has no jemalloc";
  ALKAID_ASSERT_OK_AND_ASSIGN(const unsigned arena, MakeJemallocArena(kStep));
  const auto mapped = [&] { return Figure(arena, "mapped") + Figure(arena, "retained"); };

  uint8_t* outside = nullptr;
  ALKAID_ASSERT_OK(pool->Allocate(kBlock, &outside));
  EXPECT_EQ(Figure(arena, "large.allocated"), 0);

  constexpr int kBlocks = 200;
  uint8_t* blocks[kBlocks] = {};
  int64_t before = mapped();
  for (uint8_t*& block : blocks) {
    const JemallocArenaScope scope(arena);
    ALKAID_ASSERT_OK(pool->Allocate(kBlock, &block));
    const int64_t now = mapped();
    EXPECT_LE(now - before, kStep + (int64_t{1} << 20));
    before = now;
  }
  EXPECT_EQ(Figure(arena, "large.allocated"), kBlocks * kBlock);
  // No more than the current step, and 2 % for the ends of the others. From 5.3.1 on a block takes
  // the pages of jemalloc's next size, which is 512 KiB.
  const auto backends = MemoryBackends();
  const bool rounds = std::ranges::none_of(
      backends, [](const MemoryBackend& backend) { return backend.version == "jemalloc 5.3.0"; });
  EXPECT_LE(before, kBlocks * (rounds ? int64_t{512} << 10 : kBlock * 102 / 100) + 2 * kStep);

  uint8_t* after = nullptr;
  ALKAID_ASSERT_OK(pool->Allocate(kBlock, &after));
  EXPECT_EQ(Figure(arena, "large.allocated"), kBlocks * kBlock);
  for (uint8_t* block : blocks) pool->Free(block, kBlock);
  pool->Free(outside, kBlock);
  pool->Free(after, kBlock);
}

TEST(JemallocArena, IsUnimplementedWithoutJemalloc) {
  MemoryPool* pool = nullptr;
  if (jemalloc_memory_pool(&pool).ok()) GTEST_SKIP() << "this build has jemalloc";
  EXPECT_THAT(MakeJemallocArena(kStep), StatusIs(StatusCode::kUnimplemented));
  const JemallocArenaScope scope(0);
}

}  // namespace
}  // namespace alkaid::internal
