#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/core/pools/capped_memory_pool.h"
#include "alkaid/core/pools/guarded_memory_pool.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/core/pools/quota_memory_pool.h"
#include "alkaid/growth/memory_meter_internal.h"
#include "alkaid/growth/process_memory.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/libc_malloc.h"

namespace alkaid::growth {
namespace {

constexpr int64_t kBlock = 10'000'000;
constexpr double kBlockMb = 10;
// Other memory that may come or go meanwhile.
constexpr double kSlackMb = 1;

MemoryStamp Now() {
  const auto stamp = MeasureMemory();
  EXPECT_THAT(stamp, IsOk());
  return stamp.value_or(MemoryStamp());
}

TEST(MemoryMeter, ABlockOfAPoolShowsInEveryAccountUpToLive) {
  if (internal::kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer's malloc says nothing of itself";
  const MemoryStamp before = Now();
  uint8_t* block = nullptr;
  ALKAID_ASSERT_OK(system_memory_pool()->Allocate(kBlock, &block));
  std::memset(block, 1, kBlock);
  const MemoryStamp with = Now();
  system_memory_pool()->Free(block, kBlock);

  EXPECT_NEAR(with.live_mb - before.live_mb, kBlockMb, 1e-9);
  EXPECT_NEAR(with.in_use_mb - before.in_use_mb, kBlockMb, kSlackMb);
  EXPECT_NEAR(with.held_mb - before.held_mb, kBlockMb, kSlackMb);
  EXPECT_NEAR(with.rss_mb - before.rss_mb, kBlockMb, kSlackMb);
  EXPECT_NEAR(with.vm_mb - before.vm_mb, kBlockMb, kSlackMb);
  EXPECT_GE(with.time_s, before.time_s);
}

TEST(MemoryMeter, ABlockThatIsGuardedShowsInEveryAccountUpToLive) {
  if (internal::kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer's malloc says nothing of itself";
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    SCOPED_TRACE(backend);
    const MemoryStamp without = Now();
    const auto pool = CreateGuardedMemoryPool(backend, {.blocks = 1});
    ALKAID_ASSERT_OK(pool);
    const MemoryStamp before = Now();
    EXPECT_LT(before.vm_mb - without.vm_mb, 100);  // address space that is reserved does not count
    uint8_t* block = nullptr;
    ALKAID_ASSERT_OK((*pool)->Allocate(kBlock, &block));
    ASSERT_TRUE(IsGuardedAddress(block));
    std::memset(block, 1, kBlock);
    const MemoryStamp with = Now();
    (*pool)->Free(block, kBlock);

    EXPECT_NEAR(with.live_mb - before.live_mb, kBlockMb, 1e-9);
    EXPECT_NEAR(with.in_use_mb - before.in_use_mb, kBlockMb, kSlackMb);
    EXPECT_NEAR(with.held_mb - before.held_mb, kBlockMb, kSlackMb);
    EXPECT_NEAR(with.rss_mb - before.rss_mb, kBlockMb, kSlackMb);
    EXPECT_NEAR(with.vm_mb - before.vm_mb, kBlockMb, kSlackMb);
  }
}

TEST(MemoryMeter, ABlockOfThePlainMallocIsInUseAndNotLive) {
  if (internal::kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer's malloc says nothing of itself";
  const MemoryStamp before = Now();
  const std::vector<char> own(kBlock, 1);
  const MemoryStamp with = Now();
  EXPECT_EQ(with.live_mb, before.live_mb);
  EXPECT_NEAR(with.in_use_mb - before.in_use_mb, kBlockMb, kSlackMb);
}

TEST(MemoryMeter, BlocksThatAnAdaptorGuardsAreLiveOnce) {
  GuardedMemoryPool pool(default_memory_pool(), {.blocks = 2});
  const double before = Now().live_mb;
  uint8_t* blocks[4] = {};
  for (uint8_t*& block : blocks) ALKAID_ASSERT_OK(pool.Allocate(kBlock, &block));
  EXPECT_NEAR(Now().live_mb - before, 4 * kBlockMb, 1e-9);
  for (uint8_t* const block : blocks) pool.Free(block, kBlock);
  EXPECT_NEAR(Now().live_mb, before, 1e-9);
}

TEST(MemoryMeter, AdaptorsAreNotCountedBesideThePoolBelow) {
  ProxyMemoryPool proxy(default_memory_pool());
  CappedMemoryPool capped(&proxy, 2 * kBlock);
  QuotaMemoryPool pool(&capped, 2 * kBlock);
  MemoryPoolStats stats;
  const double before = Now().live_mb;
  uint8_t* block = nullptr;
  ALKAID_ASSERT_OK(pool.Allocate(kBlock, &block));
  stats.DidAllocateBytes(kBlock);
  EXPECT_NEAR(Now().live_mb - before, kBlockMb, 1e-9);
  pool.Free(block, kBlock);
  EXPECT_NEAR(Now().live_mb, before, 1e-9);
}

TEST(MemoryMeter, EachPoolOfAProgramIsCounted) {
  const double before = Now().live_mb;
  const std::unique_ptr<MemoryPool> one = MemoryPool::CreateDefault();
  const std::unique_ptr<MemoryPool> two = MemoryPool::CreateDefault();
  uint8_t* first = nullptr;
  uint8_t* second = nullptr;
  ALKAID_ASSERT_OK(one->Allocate(kBlock, &first));
  ALKAID_ASSERT_OK(two->Allocate(kBlock, &second));
  EXPECT_NEAR(Now().live_mb - before, 2 * kBlockMb, 1e-9);
  one->Free(first, kBlock);
  two->Free(second, kBlock);
}

TEST(MemoryMeter, NothingIsKnownOfASanitizersMalloc) {
  if (!internal::kMallocIsSanitizers) GTEST_SKIP() << "malloc is the C library's here";
  EXPECT_TRUE(std::isnan(Now().held_mb));
  EXPECT_TRUE(std::isnan(Now().in_use_mb));
  EXPECT_FALSE(std::isnan(Now().live_mb));
}

TEST(MemoryMeter, MeasuringDoesNotGrowWhatItMeasures) {
  if (internal::kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer keeps what is freed";
  Now();
  const MemoryStamp before = Now();
  for (int i = 0; i < 1000; ++i) Now();
  const MemoryStamp after = Now();
  EXPECT_EQ(after.vm_mb, before.vm_mb);
  EXPECT_NEAR(after.rss_mb, before.rss_mb, 0.5);  // which the kernel counts in batches
  EXPECT_EQ(after.live_mb, before.live_mb);
}

TEST(MemoryMeter, ReleasingTakesDownWhatAnAllocatorKeeps) {
  const std::unique_ptr<MemoryPool> pool = MemoryPool::CreateDefault();
  std::vector<uint8_t*> blocks(1000);
  for (uint8_t*& block : blocks) {
    ALKAID_ASSERT_OK(pool->Allocate(64 << 10, &block));
    std::memset(block, 1, 64 << 10);
  }
  const double filled = Now().rss_mb;
  for (uint8_t* block : blocks) pool->Free(block, 64 << 10);
  ReleaseAllUnused();
  if (internal::kMallocIsSanitizers) GTEST_SKIP() << "a sanitizer keeps what is freed";
  EXPECT_LE(Now().rss_mb, filled - 40);
}

}  // namespace
}  // namespace alkaid::growth
