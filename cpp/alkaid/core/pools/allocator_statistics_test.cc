#include "alkaid/core/pools/allocator_statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/libc_malloc.h"

namespace alkaid {
namespace {

constexpr int64_t kBlock = 192 << 10;
constexpr int64_t kBlocks = 400;
constexpr int64_t kTotal = kBlock * kBlocks;  // some 79 MB

class EachAllocator : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "system" && internal::kMallocIsSanitizers) {
      GTEST_SKIP() << "malloc is the sanitizer's, of which nothing is known";
    }
    auto pool = CreateMemoryPool(GetParam());
    if (pool.status().code() == StatusCode::kNotFound) {
      GTEST_SKIP() << "this build has no " << GetParam();
    }
    ALKAID_ASSERT_OK(pool);
    pool_ = *std::move(pool);
  }

  AllocatorStatistics Known() const {
    const AllocatorStatistics statistics = GetAllocatorStatistics(GetParam());
    EXPECT_TRUE(statistics.held_bytes.has_value());
    EXPECT_TRUE(statistics.in_use_bytes.has_value());
    return statistics;
  }

  // The held figure; for a version that still counts what it gave back, the process's memory.
  int64_t Held() const {
    const auto backends = MemoryBackends();
    const bool counts_on = std::ranges::any_of(backends, [](const MemoryBackend& backend) {
      return backend.version.starts_with("mimalloc 3.") && backend.version != "mimalloc 3.0.1";
    });
    if (GetParam() != "mimalloc" || !counts_on) return *Known().held_bytes;
    int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages >> pages;
    return pages * 4096;
  }

  std::vector<uint8_t*> Fill(int64_t blocks = kBlocks) const {
    std::vector<uint8_t*> filled(static_cast<size_t>(blocks));
    for (uint8_t*& block : filled) {
      EXPECT_THAT(pool_->Allocate(kBlock, &block), IsOk());
      std::memset(block, 1, kBlock);
    }
    return filled;
  }
  void Free(const std::vector<uint8_t*>& blocks) const {
    for (uint8_t* block : blocks) pool_->Free(block, kBlock);
  }

  std::unique_ptr<MemoryPool> pool_;
};

TEST_P(EachAllocator, SeesBlocksComeAndGo) {
  Free(Fill(1));
  const AllocatorStatistics before = Known();
  const auto blocks = Fill();
  const AllocatorStatistics filled = Known();
  Free(blocks);
  const AllocatorStatistics freed = Known();

  constexpr double kSlack = 0.1 * kTotal;
  EXPECT_NEAR(*filled.in_use_bytes - *before.in_use_bytes, kTotal, kSlack);
  EXPECT_NEAR(*freed.in_use_bytes - *before.in_use_bytes, 0, kSlack);
  EXPECT_GE(*filled.held_bytes, *filled.in_use_bytes);
  EXPECT_GE(*filled.held_bytes - *before.held_bytes, 0.5 * kTotal);
  EXPECT_GE(*freed.held_bytes, *freed.in_use_bytes);
}

TEST_P(EachAllocator, HoldsLittleAfterEverythingWasFreedAndReleased) {
  Free(Fill(1));
  pool_->ReleaseUnused();
  const int64_t before = Held();
  Free(Fill());
  pool_->ReleaseUnused();
  EXPECT_LE(Held() - before, 0.5 * kTotal);
}

TEST_P(EachAllocator, AskingChangesNothing) {
  Free(Fill(1));
  const AllocatorStatistics before = Known();
  for (int i = 0; i < 1000; ++i) Known();
  const AllocatorStatistics after = Known();
  EXPECT_EQ(*after.in_use_bytes, *before.in_use_bytes);
  EXPECT_EQ(*after.held_bytes, *before.held_bytes);
}

INSTANTIATE_TEST_SUITE_P(AllocatorStatistics, EachAllocator,
                         ::testing::Values("system", "jemalloc", "mimalloc"),
                         [](const auto& test) { return test.param; });

TEST(AllocatorStatistics, NothingIsKnownOfOtherBackends) {
  EXPECT_FALSE(GetAllocatorStatistics("pmr").held_bytes.has_value());
  EXPECT_FALSE(GetAllocatorStatistics("").in_use_bytes.has_value());
}

TEST(AllocatorStatistics, NothingIsKnownOfASanitizersMalloc) {
  if (!internal::kMallocIsSanitizers) GTEST_SKIP() << "malloc is the C library's here";
  EXPECT_FALSE(GetAllocatorStatistics("system").held_bytes.has_value());
}

}  // namespace
}  // namespace alkaid
