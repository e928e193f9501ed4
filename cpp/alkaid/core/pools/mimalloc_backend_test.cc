// What only the mimalloc backend promises; what all backends promise stands in
// testing/pool_contract.h.

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"

namespace alkaid {
namespace {

class MimallocBackend : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!mimalloc_memory_pool(&pool_).ok()) GTEST_SKIP() << "this build has no mimalloc";
  }
  MemoryPool* pool_ = nullptr;
};

TEST_F(MimallocBackend, ItsVersionIsToldInThreeParts) {
  for (const MemoryBackend& backend : MemoryBackends()) {
    if (backend.name != "mimalloc") continue;
    EXPECT_EQ(std::ranges::count(backend.version, '.'), 2) << backend.version;
    EXPECT_TRUE(backend.version.starts_with("mimalloc ")) << backend.version;
  }
}

// A thread's heap is abandoned when it ends; what it allocated must stay valid and be freed by
// others.
TEST_F(MimallocBackend, BlocksOutliveTheThreadThatAllocatedThem) {
  std::vector<uint8_t*> blocks(1000);
  std::thread([&] {
    for (size_t i = 0; i < blocks.size(); ++i) {
      ASSERT_TRUE(pool_->Allocate(1000, &blocks[i]).ok());
      std::fill_n(blocks[i], 1000, static_cast<uint8_t>(i));
    }
  }).join();
  pool_->ReleaseUnused();
  for (size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_TRUE(std::all_of(blocks[i], blocks[i] + 1000,
                            [i](uint8_t byte) { return byte == static_cast<uint8_t>(i); }));
    pool_->Free(blocks[i], 1000);
  }
}

}  // namespace
}  // namespace alkaid
