#include "alkaid/testing/pool_contract.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/testing/matchers.h"
#include "alkaid/testing/pool_contract_internal.h"

namespace alkaid {
namespace {

using internal::AllAlignments;
using internal::Block;
using internal::ContractRule;
using internal::IsAligned;
using ::testing::HasSubstr;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
// Allocates where the pool is to refuse and leave the pointer alone.
Status TryAllocate(MemoryPool& pool, int64_t size, int64_t alignment) {
  uint8_t canary = 0;
  uint8_t* data = &canary;
  Status status = pool.Allocate(size, alignment, &data);
  EXPECT_EQ(data, &canary) << "written to by an allocation to be refused";
  if (status.ok()) pool.Free(data, size, alignment);
  return status;
}

// A pool's figures at one moment, to compare with those of another.
struct Figures {
  explicit Figures(const MemoryPool& pool)
      : live(pool.bytes_allocated()),
        total(pool.total_bytes_allocated()),
        count(pool.num_allocations()) {}
  int64_t live, total, count;
};

// What must have been added to a pool's figures since `before`.
void ExpectAdded(const MemoryPool& pool, const Figures& before, int64_t live, int64_t total,
                 int64_t count) {
  const Figures now(pool);
  EXPECT_EQ(now.live - before.live, live) << "in bytes_allocated()";
  EXPECT_EQ(now.total - before.total, total) << "in total_bytes_allocated()";
  EXPECT_EQ(now.count - before.count, count) << "in num_allocations()";
}

void AlignmentsThatAreNoneAreRefused(MemoryPool& pool) {
  Block block(pool, 64, 2);
  ASSERT_THAT(block.Allocate(100), IsOk());
  const Figures before(pool);
  for (const int64_t alignment : {int64_t{0}, int64_t{3}, int64_t{48}, int64_t{-64}, int64_t{-1},
                                  2 * kMaxBufferAlignment, kMax, -kMax - 1}) {
    const auto refused =
        StatusIs(StatusCode::kInvalidArgument, HasSubstr(std::to_string(alignment)));
    EXPECT_THAT(TryAllocate(pool, 0, alignment), refused);
    EXPECT_THAT(TryAllocate(pool, 100, alignment), refused);
    EXPECT_THAT(block.TryReallocate(block.size(), 200, alignment), refused);
    EXPECT_THAT(block.TryReallocate(block.size(), 0, alignment), refused);
  }
  EXPECT_TRUE(block.Holds());
  ExpectAdded(pool, before, 0, 0, 0);
}

void NegativeSizesAreRefused(MemoryPool& pool) {
  Block block(pool, 64, 3);
  ASSERT_THAT(block.Allocate(100), IsOk());
  const Figures before(pool);
  for (const int64_t size : {int64_t{-1}, int64_t{-64}, -kMax, -kMax - 1}) {
    const auto refused = StatusIs(StatusCode::kInvalidArgument, HasSubstr(std::to_string(size)));
    EXPECT_THAT(TryAllocate(pool, size, 64), refused);
    EXPECT_THAT(block.TryReallocate(100, size, 64), refused);
    EXPECT_THAT(block.TryReallocate(size, 100, 64), refused);
  }
  EXPECT_TRUE(block.Holds());
  ExpectAdded(pool, before, 0, 0, 0);
}

void SizesBeyondAnyMemoryAreOutOfMemory(MemoryPool& pool) {
  for (const int64_t alignment : AllAlignments()) {
    Block block(pool, alignment, 4);
    ASSERT_THAT(block.Allocate(100), IsOk());
    const Figures before(pool);
    for (const int64_t size : {kMax, kMax - 1, kMax - 63, kMax - 64, kMax / 2}) {
      SCOPED_TRACE(::testing::Message() << size << " bytes aligned to " << alignment);
      EXPECT_THAT(TryAllocate(pool, size, alignment), StatusIs(StatusCode::kResourceExhausted));
      EXPECT_THAT(block.TryReallocate(100, size, alignment),
                  StatusIs(StatusCode::kResourceExhausted));
    }
    EXPECT_TRUE(block.Holds());
    ExpectAdded(pool, before, 0, 0, 0);
    EXPECT_THAT(block.Reallocate(1000), IsOk()) << "after the failures";
  }
}

void ZeroSizeBlocksAreBlocksLikeOthers(MemoryPool& pool) {
  for (const int64_t alignment : AllAlignments()) {
    SCOPED_TRACE(::testing::Message() << "aligned to " << alignment);
    const Figures before(pool);
    uint8_t* data = nullptr;
    ASSERT_THAT(pool.Allocate(0, alignment, &data), IsOk());
    ASSERT_NE(data, nullptr);
    EXPECT_TRUE(IsAligned(data, kDefaultBufferAlignment));
    EXPECT_TRUE(IsAligned(data, alignment));
    ExpectAdded(pool, before, 0, 0, 1);
    pool.Free(data, 0, alignment);
    ExpectAdded(pool, before, 0, 0, 1);
  }
}

void ZeroSizeBlocksCanGrowAndComeBack(MemoryPool& pool) {
  for (const int64_t alignment : AllAlignments()) {
    SCOPED_TRACE(::testing::Message() << "aligned to " << alignment);
    const Figures before(pool);
    Block block(pool, alignment, 5);
    ASSERT_THAT(block.Allocate(0), IsOk());
    ASSERT_THAT(block.Reallocate(100), IsOk());
    EXPECT_TRUE(IsAligned(block.data(), alignment));
    EXPECT_TRUE(block.Holds());
    ExpectAdded(pool, before, 100, 100, 2);
    ASSERT_THAT(block.Reallocate(0), IsOk());
    ASSERT_NE(block.data(), nullptr);
    EXPECT_TRUE(IsAligned(block.data(), kDefaultBufferAlignment));
    ExpectAdded(pool, before, 0, 100, 2);
    block.Free();
    ExpectAdded(pool, before, 0, 100, 2);
  }
}

void FiguresCountWhatWasAskedFor(MemoryPool& pool) {
  const Figures before(pool);
  Block first(pool, 64, 7);
  Block second(pool, 4096, 8);
  ASSERT_THAT(first.Allocate(100), IsOk());
  ExpectAdded(pool, before, 100, 100, 1);
  ASSERT_THAT(second.Allocate(5000), IsOk());
  ExpectAdded(pool, before, 5100, 5100, 2);
  first.Free();
  ExpectAdded(pool, before, 5000, 5100, 2);
  second.Free();
  ExpectAdded(pool, before, 0, 5100, 2);
}

void OnlyReallocationsThatGrowCountAsAllocations(MemoryPool& pool) {
  const Figures before(pool);
  Block block(pool, 64, 9);
  ASSERT_THAT(block.Allocate(100), IsOk());
  ASSERT_THAT(block.Reallocate(1000), IsOk());
  ExpectAdded(pool, before, 1000, 1000, 2);
  ASSERT_THAT(block.Reallocate(1000), IsOk());
  ExpectAdded(pool, before, 1000, 1000, 2);
  ASSERT_THAT(block.Reallocate(10), IsOk());
  ExpectAdded(pool, before, 10, 1000, 2);
  ASSERT_THAT(block.Reallocate(20), IsOk());
  ExpectAdded(pool, before, 20, 1010, 3);
}

void ThePeakIsNeverBelowWhatIsLive(MemoryPool& pool) {
  if (pool.max_memory() == -1) return;  // this pool does not know its peak
  std::vector<std::unique_ptr<Block>> blocks;
  for (int i = 0; i < 8; ++i) {
    blocks.push_back(std::make_unique<Block>(pool, 64, i));
    ASSERT_THAT(blocks.back()->Allocate(int64_t{1} << 20), IsOk());
    EXPECT_GE(pool.max_memory(), pool.bytes_allocated());
  }
  const int64_t highest = pool.bytes_allocated();
  const int64_t peak = pool.max_memory();
  blocks.clear();
  EXPECT_GE(pool.max_memory(), highest);
  EXPECT_GE(pool.max_memory(), peak) << "a peak cannot sink";
}

void ThePeakOfAFreshPoolIsExactForOneThread(MemoryPool& pool) {
  if (pool.total_bytes_allocated() != 0) return;  // this pool was used before
  if (pool.max_memory() == -1) return;            // this pool does not know its peak
  Block first(pool, 64, 11);
  Block second(pool, 64, 12);
  ASSERT_THAT(first.Allocate(1000), IsOk());
  ASSERT_THAT(second.Allocate(3'000'000), IsOk());
  EXPECT_EQ(pool.max_memory(), 3'001'000);
  second.Free();
  ASSERT_THAT(first.Reallocate(2'000'000), IsOk());
  EXPECT_EQ(pool.max_memory(), 3'001'000);
  ASSERT_THAT(first.Reallocate(3'001'001), IsOk());
  EXPECT_EQ(pool.max_memory(), 3'001'001);
}

void ABlockCanBeFreedByAnotherThread(MemoryPool& pool) {
  const Figures before(pool);
  Block here(pool, 64, 13);
  Block there(pool, 4096, 14);
  ASSERT_THAT(here.Allocate(10'000), IsOk());
  std::thread([&] {
    EXPECT_TRUE(here.Holds());
    here.Free();
    EXPECT_THAT(there.Allocate(20'000), IsOk());
  }).join();
  ExpectAdded(pool, before, 20'000, 30'000, 2);
  EXPECT_TRUE(there.Holds());
  ASSERT_THAT(there.Reallocate(30'000), IsOk());
  there.Free();
  ExpectAdded(pool, before, 0, 40'000, 3);
}

void FiguresAreExactAfterManyThreads(MemoryPool& pool) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 400;
  const Figures before(pool);
  std::vector<std::unique_ptr<Block>> kept(kThreads);
  std::vector<int64_t> asked(kThreads, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&pool, &kept, &asked, t] {
      std::minstd_rand random(t + 1);
      for (int i = 0; i < kRounds; ++i) {
        // One block stays while the next is made, so that the threads' blocks lie between one
        // another.
        auto block = std::make_unique<Block>(pool, int64_t{1} << (random() % 13), random());
        const auto size = static_cast<int64_t>(random() % 3000) + 1;
        ASSERT_THAT(block->Allocate(size), IsOk());
        ASSERT_THAT(block->Reallocate(size + 100), IsOk());
        asked[t] += size + 100;
        ASSERT_TRUE(kept[t] == nullptr || kept[t]->Holds());
        kept[t] = std::move(block);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int64_t live = 0, total = 0;
  for (int t = 0; t < kThreads; ++t) {
    ASSERT_NE(kept[t], nullptr);
    EXPECT_TRUE(kept[t]->Holds());
    live += kept[t]->size();
    total += asked[t];
  }
  constexpr int64_t kCount = int64_t{2} * kThreads * kRounds;
  ExpectAdded(pool, before, live, total, kCount);
  kept.clear();
  ExpectAdded(pool, before, 0, total, kCount);
}

void BlocksDoNotOverlap(MemoryPool& pool) {
  std::vector<std::unique_ptr<Block>> blocks;
  uint32_t seed = 0;
  for (const int64_t alignment : AllAlignments()) {
    for (const int64_t size : {1, 24, 64, 100, 4096, 5000}) {
      blocks.push_back(std::make_unique<Block>(pool, alignment, ++seed));
      ASSERT_THAT(blocks.back()->Allocate(size), IsOk());
    }
  }
  for (const auto& block : blocks) EXPECT_TRUE(block->Holds()) << block->size();
  std::sort(blocks.begin(), blocks.end(),
            [](const auto& a, const auto& b) { return a->data() < b->data(); });
  for (size_t i = 1; i < blocks.size(); ++i) {
    EXPECT_LE(blocks[i - 1]->data() + blocks[i - 1]->size(), blocks[i]->data());
  }
}

void ARandomLifeKeepsContentsAndFigures(MemoryPool& pool) {
  std::minstd_rand random(20);
  std::vector<std::unique_ptr<Block>> blocks(24);
  const Figures before(pool);
  int64_t live = 0;
  for (int step = 0; step < 1000; ++step) {
    auto& block = blocks[random() % blocks.size()];
    const auto size = static_cast<int64_t>(random() % (random() % 8 == 0 ? 100'000 : 2'000));
    if (block == nullptr) {
      block = std::make_unique<Block>(pool, int64_t{1} << (random() % 22), random());
      ASSERT_THAT(block->Allocate(size), IsOk());
      live += size;
    } else if (random() % 3 != 0) {
      live += size - block->size();
      ASSERT_THAT(block->Reallocate(size), IsOk());
    } else {
      ASSERT_TRUE(block->Holds());
      live -= block->size();
      block.reset();
    }
    if (block != nullptr && block->size() > 0) {
      ASSERT_TRUE(IsAligned(block->data(), block->alignment()));
    }
    ASSERT_EQ(pool.bytes_allocated() - before.live, live) << "at step " << step;
  }
}

void ReleaseUnusedLeavesLiveBlocks(MemoryPool& pool) {
  const Figures before(pool);
  Block block(pool, 64, 15);
  ASSERT_THAT(block.Allocate(300'000), IsOk());
  pool.ReleaseUnused();
  EXPECT_TRUE(block.Holds());
  ExpectAdded(pool, before, 300'000, 300'000, 1);
  ASSERT_THAT(block.Reallocate(600'000), IsOk());
  EXPECT_TRUE(block.Holds());
}

void PrintStatsShowsWhatIsLiveAndChangesNothing(MemoryPool& pool) {
  Block block(pool, 64, 16);
  ASSERT_THAT(block.Allocate(123'457), IsOk());
  const Figures before(pool);
  ::testing::internal::CaptureStderr();
  pool.PrintStats();
  const std::string printed = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(printed, HasSubstr(std::to_string(before.live)));
  EXPECT_TRUE(block.Holds());
  ExpectAdded(pool, before, 0, 0, 0);
}

void TheBackendHasAName(MemoryPool& pool) {
  EXPECT_FALSE(pool.backend_name().empty());
  EXPECT_EQ(pool.backend_name(), pool.backend_name());
}

// A body that is missing here is an unused function, about which the compiler warns.
constexpr ContractRule kContract[] = {
    {"AlignmentsThatAreNoneAreRefused", AlignmentsThatAreNoneAreRefused},
    {"NegativeSizesAreRefused", NegativeSizesAreRefused},
    {"SizesBeyondAnyMemoryAreOutOfMemory", SizesBeyondAnyMemoryAreOutOfMemory},
    {"ZeroSizeBlocksAreBlocksLikeOthers", ZeroSizeBlocksAreBlocksLikeOthers},
    {"ZeroSizeBlocksCanGrowAndComeBack", ZeroSizeBlocksCanGrowAndComeBack},
    {"FiguresCountWhatWasAskedFor", FiguresCountWhatWasAskedFor},
    {"OnlyReallocationsThatGrowCountAsAllocations", OnlyReallocationsThatGrowCountAsAllocations},
    {"ThePeakIsNeverBelowWhatIsLive", ThePeakIsNeverBelowWhatIsLive},
    {"ThePeakOfAFreshPoolIsExactForOneThread", ThePeakOfAFreshPoolIsExactForOneThread},
    {"ABlockCanBeFreedByAnotherThread", ABlockCanBeFreedByAnotherThread},
    {"FiguresAreExactAfterManyThreads", FiguresAreExactAfterManyThreads},
    {"BlocksDoNotOverlap", BlocksDoNotOverlap},
    {"ARandomLifeKeepsContentsAndFigures", ARandomLifeKeepsContentsAndFigures},
    {"ReleaseUnusedLeavesLiveBlocks", ReleaseUnusedLeavesLiveBlocks},
    {"PrintStatsShowsWhatIsLiveAndChangesNothing", PrintStatsShowsWhatIsLiveAndChangesNothing},
    {"TheBackendHasAName", TheBackendHasAName},
};

class PoolContract : public ::testing::Test {
 public:
  explicit PoolContract(ContractPoolFactory make) : make_(std::move(make)) {}

 private:
  void TestBody() override {
    if (make_() == nullptr) GTEST_SKIP() << "this build has no such pool";
    for (const std::span<const ContractRule> rules :
         {internal::AlignmentContract(), std::span<const ContractRule>(kContract)}) {
      for (const ContractRule& rule : rules) Keep(rule);
    }
  }

  // Whatever the rule, it must leave as many bytes live as it found.
  void Keep(const ContractRule& rule) const {
    std::printf("[ RULE     ] PoolContract.%s\n", rule.name);
    std::fflush(stdout);
    SCOPED_TRACE(::testing::Message() << "the rule PoolContract." << rule.name);
    const std::shared_ptr<MemoryPool> pool = make_();
    ASSERT_NE(pool, nullptr);
    const int64_t live = pool->bytes_allocated();
    rule.body(*pool);
    EXPECT_EQ(pool->bytes_allocated(), live) << "at the end of the rule";
  }

  const ContractPoolFactory make_;
};

}  // namespace

bool RegisterPoolContract(const char* name, const char* file, int line, ContractPoolFactory make) {
  ::testing::RegisterTest(name, "KeepsThePoolContract", nullptr, nullptr, file, line,
                          [make] { return new PoolContract(make); });
  return true;
}

}  // namespace alkaid
