// What only the mimalloc backend promises. For what all backends promise see
// testing/pool_contract.h.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
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

// A thread's heap is abandoned when it ends; its blocks must stay valid, and other threads must be
// able to free them.
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

// Version 2.0.9 counts pages and threads when they go, but not when they come.
TEST_F(MimallocBackend, ItsReportHasNoFigureBelowZero) {
  std::vector<uint8_t*> blocks(20000);
  for (int round = 0; round < 2; ++round) {
    std::thread([&] {
      for (uint8_t*& block : blocks) ASSERT_TRUE(pool_->Allocate(5000, &block).ok());
    }).join();
    for (uint8_t* block : blocks) pool_->Free(block, 5000);
  }
  pool_->ReleaseUnused();
  ::testing::internal::CaptureStderr();
  pool_->PrintStats();
  const std::string printed = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(printed, ::testing::Not(::testing::ContainsRegex(" -[0-9]")));
  EXPECT_THAT(printed, ::testing::HasSubstr("mimalloc (whole process)"));
  EXPECT_THAT(printed, ::testing::HasSubstr("reserved"));
}

}  // namespace
}  // namespace alkaid
