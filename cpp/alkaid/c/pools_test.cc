#include "alkaid/c/pools.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "alkaid/c/buffers.h"

namespace {

TEST(CPools, FiguresOfAnOlderProgramAreCut) {
  alkaid_pool* pool = nullptr;
  ASSERT_EQ(alkaid_pool_create("system", &pool), ALKAID_OK);
  alkaid_pool_figures figures = {};
  figures.struct_size = offsetof(alkaid_pool_figures, total_bytes_allocated);
  figures.num_allocations = -7;
  ASSERT_EQ(alkaid_pool_get_figures(pool, &figures), ALKAID_OK);
  EXPECT_EQ(figures.bytes_allocated, 0);
  EXPECT_EQ(figures.num_allocations, -7);
  figures.struct_size = 0;
  EXPECT_EQ(alkaid_pool_get_figures(pool, &figures), ALKAID_INVALID);
  EXPECT_STREQ(alkaid_last_error(),
               "alkaid_pool_get_figures: alkaid_pool_figures has struct_size 0; set it to "
               "sizeof(alkaid_pool_figures)");
  alkaid_pool_release(pool);
}

TEST(CPools, AnUnknownBackendIsNamedWithThoseThatThereAre) {
  alkaid_pool* pool = nullptr;
  EXPECT_EQ(alkaid_pool_create("slab", &pool), ALKAID_NOT_FOUND);
  EXPECT_EQ(pool, nullptr);
  EXPECT_NE(std::string(alkaid_last_error()).find("slab"), std::string::npos);
  EXPECT_NE(std::string(alkaid_last_error()).find("system"), std::string::npos);
}

TEST(CPools, ACapIsOnWhatThePoolBelowHas) {
  alkaid_pool* below = nullptr;
  alkaid_pool* capped = nullptr;
  alkaid_buffer* taken = nullptr;
  alkaid_buffer* refused = nullptr;
  ASSERT_EQ(alkaid_pool_create("system", &below), ALKAID_OK);
  ASSERT_EQ(alkaid_pool_capped(below, 1000, &capped), ALKAID_OK);
  ASSERT_EQ(alkaid_buffer_allocate(960, 0, below, &taken), ALKAID_OK);
  EXPECT_EQ(alkaid_buffer_allocate(64, 0, capped, &refused), ALKAID_OUT_OF_MEMORY);
  alkaid_buffer_release(taken);
  EXPECT_EQ(alkaid_buffer_allocate(64, 0, capped, &refused), ALKAID_OK);
  // The buffer keeps the adaptor alive, and the adaptor the pool.
  alkaid_pool_release(below);
  alkaid_pool_release(capped);
  EXPECT_EQ(alkaid_buffer_size(refused), 64);
  alkaid_buffer_release(refused);
}

TEST(CPools, ABlockKeepsItsPool) {
  alkaid_pool* pool = nullptr;
  alkaid_pool* same = nullptr;
  void* block = nullptr;
  ASSERT_EQ(alkaid_pool_create("system", &pool), ALKAID_OK);
  ASSERT_EQ(alkaid_pool_allocate(pool, 100, 4096, &block), ALKAID_OK);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 4096, 0U);
  alkaid_pool_retain(pool);
  same = pool;
  alkaid_pool_release(pool);
  EXPECT_EQ(alkaid_pool_reallocate(same, 100, 100, 3, &block), ALKAID_INVALID);
  EXPECT_EQ(alkaid_pool_free(same, block, 100, 4096), ALKAID_OK);
  EXPECT_EQ(alkaid_pool_free(same, nullptr, 0, 0), ALKAID_OK);
  alkaid_pool_release(same);
}

TEST(CPools, ABlockStaysWhereItCannotBeOfThatSize) {
  alkaid_pool* pool = nullptr;
  void* block = nullptr;
  ASSERT_EQ(alkaid_pool_create("system", &pool), ALKAID_OK);
  ASSERT_EQ(alkaid_pool_allocate(pool, 100, 0, &block), ALKAID_OK);
  EXPECT_EQ(alkaid_pool_free(pool, block, -1, 0), ALKAID_INVALID);
  EXPECT_STREQ(alkaid_last_error(), "alkaid_pool_free: free -1 bytes: a size cannot be negative");
  EXPECT_EQ(alkaid_pool_free(pool, block, 100, 7), ALKAID_INVALID);
  EXPECT_EQ(alkaid_pool_free(pool, block, 100, -8), ALKAID_INVALID);
  alkaid_pool_figures figures = {};
  figures.struct_size = sizeof(figures);
  ASSERT_EQ(alkaid_pool_get_figures(pool, &figures), ALKAID_OK);
  EXPECT_EQ(figures.bytes_allocated, 100);
  EXPECT_EQ(alkaid_pool_free(pool, block, 100, 0), ALKAID_OK);
  alkaid_pool_release(pool);
}

TEST(CPools, ATextBeyondAListIsNull) {
  alkaid_strings* names = nullptr;
  ASSERT_EQ(alkaid_pool_backends(&names), ALKAID_OK);
  EXPECT_EQ(alkaid_strings_get(names, -1), nullptr);
  EXPECT_EQ(alkaid_strings_get(names, alkaid_strings_count(names)), nullptr);
  EXPECT_NE(std::string(alkaid_last_error()).find("alkaid_strings_get: text "), std::string::npos);
  alkaid_strings_release(names);
  alkaid_strings_release(nullptr);
}

}  // namespace
