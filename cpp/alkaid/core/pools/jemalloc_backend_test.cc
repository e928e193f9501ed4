// What only the jemalloc backend promises. For what all backends promise see
// testing/pool_contract.h.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "alkaid/core/pools/jemalloc.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid {
namespace {

class JemallocBackend : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!jemalloc_memory_pool(&pool_).ok()) GTEST_SKIP() << "this build has no jemalloc";
  }
  MemoryPool* pool_ = nullptr;
};

TEST_F(JemallocBackend, ItsBlocksComeFromTheLibrarysOwnJemalloc) {
  constexpr int kBlocks = 1000;
  std::vector<uint8_t*> blocks(kBlocks);
  const int64_t before = jemalloc_get_stat("stats.allocated").value();
  for (uint8_t*& block : blocks) ASSERT_TRUE(pool_->Allocate(4096, &block).ok());
  EXPECT_GE(jemalloc_get_stat("stats.allocated").value() - before, kBlocks * 4096);
  for (uint8_t* block : blocks) pool_->Free(block, 4096);
}

// With jemalloc's default every such block would be unmapped when freed, and its pages would fault
// in again.
TEST_F(JemallocBackend, BlocksOfManyMegabytesStayInTheOrdinaryArenas) {
  EXPECT_EQ(jemalloc_get_stat("opt.oversize_threshold").value(), 0);
}

TEST_F(JemallocBackend, ReleaseUnusedGivesDirtyPagesBack) {
  ASSERT_TRUE(jemalloc_set_decay_ms(-1).ok());  // keep freed pages until told otherwise
  constexpr int64_t kSize = int64_t{64} << 20;
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool_->Allocate(kSize, &block).ok());
  for (int64_t i = 0; i < kSize; i += 4096) block[i] = 1;
  pool_->Free(block, kSize);
  const int64_t held = jemalloc_get_stat("stats.resident").value();
  pool_->ReleaseUnused();
  EXPECT_LE(jemalloc_get_stat("stats.resident").value(), held - kSize);
  ASSERT_TRUE(jemalloc_set_decay_ms(10000).ok());
}

// The first threads create arenas, which ReleaseUnused meets as soon as they exist.
TEST_F(JemallocBackend, ReleaseUnusedMeetsThreadsThatBegin) {
  std::atomic<bool> done{false};
  std::thread releasing([&] {
    while (!done) pool_->ReleaseUnused();
  });
  const int64_t before = pool_->bytes_allocated();
  for (int round = 0; round < 40; ++round) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([this] {
        uint8_t* block = nullptr;
        ASSERT_TRUE(pool_->Allocate(100000, &block).ok());
        pool_->Free(block, 100000);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  done = true;
  releasing.join();
  EXPECT_EQ(pool_->bytes_allocated(), before);
}

}  // namespace
}  // namespace alkaid
