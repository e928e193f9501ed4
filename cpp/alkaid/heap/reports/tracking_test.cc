#include "alkaid/heap/tracking/tracking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/guarded_memory_pool.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/tracking/clock_internal.h"
#include "alkaid/heap/tracking/heap_tables_internal.h"

namespace alkaid::heap {
namespace {

using ::testing::HasSubstr;

class TrackingTest : public ::testing::Test {
 protected:
  ~TrackingTest() override { StopTracking(); }

  static uint8_t* Allocate(MemoryPool* pool, int64_t size) {
    uint8_t* block = nullptr;
    EXPECT_TRUE(pool->Allocate(size, &block).ok());
    return block;
  }
  static bool Find(const void* address, LiveBlock* block) {
    return Tables().blocks.Get(reinterpret_cast<uint64_t>(address), block);
  }
  static bool IsListed(const void* address) {
    LiveBlock block;
    return Find(address, &block);
  }
  static uint64_t Live() { return Tables().blocks.live(); }
  static LabelStatistics StatisticsOf(const std::string& label) {
    for (const LabelStatistics& statistics : GetLabelStatistics()) {
      if (statistics.label == label) return statistics;
    }
    return {};
  }

  const std::unique_ptr<MemoryPool> pool_ = MemoryPool::CreateDefault();
};

TEST_F(TrackingTest, ABlockIsListedFromItsAllocationToItsFree) {
  ASSERT_TRUE(StartTracking().ok());
  EXPECT_TRUE(IsTracking());
  const uint64_t before = MonotonicNanoseconds();
  uint8_t* const bytes = Allocate(pool_.get(), 1000);
  LiveBlock block;
  ASSERT_TRUE(Find(bytes, &block));
  EXPECT_EQ(block.address, reinterpret_cast<uint64_t>(bytes));
  EXPECT_EQ(block.size, 1000u);
  EXPECT_EQ(block.weight, 1000u);
  EXPECT_EQ(block.flags, 0);
  EXPECT_EQ(block.thread, static_cast<uint32_t>(gettid()));
  EXPECT_EQ(Root().pools[block.pool].pool, reinterpret_cast<uint64_t>(pool_.get()));
  EXPECT_EQ(Root().pools[block.pool].name, pool_->backend_name());
  EXPECT_GE(block.birth_ns, before);
  EXPECT_LE(block.birth_ns, MonotonicNanoseconds());
  pool_->Free(bytes, 1000);
  EXPECT_FALSE(IsListed(bytes));
  EXPECT_EQ(Live(), 0u);
}

TEST_F(TrackingTest, WithoutTrackingNothingIsListed) {
  EXPECT_FALSE(IsTracking());
  uint8_t* const bytes = Allocate(pool_.get(), 1000);
  EXPECT_EQ(Live(), 0u);
  EXPECT_TRUE(GetLabelStatistics().empty());
  pool_->Free(bytes, 1000);
}

TEST_F(TrackingTest, BlocksOfEachBackendAreListed) {
  ASSERT_TRUE(StartTracking().ok());
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    const auto pool = CreateMemoryPool(backend);
    ASSERT_TRUE(pool.ok());
    uint8_t* const bytes = Allocate(pool->get(), 77);
    LiveBlock block;
    ASSERT_TRUE(Find(bytes, &block)) << backend;
    EXPECT_EQ(Root().pools[block.pool].name, backend);
    (*pool)->Free(bytes, 77);
  }
  EXPECT_EQ(Live(), 0u);
}

TEST_F(TrackingTest, GuardedBlocksAreListedAndCountedByLabelLikeOthers) {
  ASSERT_TRUE(StartTracking().ok());
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    SCOPED_TRACE(backend);
    const auto pool = CreateGuardedMemoryPool(backend, {.blocks = 1});
    ASSERT_TRUE(pool.ok());
    const ScopedLabel label("guarded." + backend);
    uint8_t* bytes = Allocate(pool->get(), 100);
    ASSERT_TRUE((*pool)->Reallocate(100, 9000, &bytes).ok());
    ASSERT_TRUE(IsGuardedAddress(bytes));
    LiveBlock block;
    ASSERT_TRUE(Find(bytes, &block));
    EXPECT_EQ(block.size, 9000u);
    EXPECT_EQ(Root().pools[block.pool].name, backend);
    EXPECT_EQ(StatisticsOf("guarded." + backend).live_bytes, 9000);
    (*pool)->Free(bytes, 9000);
  }
  EXPECT_EQ(Live(), 0u);
}

TEST_F(TrackingTest, AReallocatedBlockIsListedOnceWithItsNewSizeAndItsBirth) {
  ASSERT_TRUE(StartTracking().ok());
  uint8_t* bytes = Allocate(pool_.get(), 100);
  uint8_t* const first = bytes;
  LiveBlock before;
  ASSERT_TRUE(Find(bytes, &before));
  ASSERT_TRUE(pool_->Reallocate(100, 300'000, &bytes).ok());
  ASSERT_NE(bytes, first);
  LiveBlock after;
  ASSERT_TRUE(Find(bytes, &after));
  EXPECT_FALSE(IsListed(first));
  EXPECT_EQ(after.size, 300'000u);
  EXPECT_EQ(after.birth_ns, before.birth_ns);
  EXPECT_EQ(Live(), 1u);
  EXPECT_EQ(Root().moving, 0u);
  pool_->Free(bytes, 300'000);
}

TEST_F(TrackingTest, ARefusedReallocationLeavesTheRecordAsItWas) {
  ASSERT_TRUE(StartTracking().ok());
  uint8_t* bytes = Allocate(pool_.get(), 100);
  LiveBlock before;
  ASSERT_TRUE(Find(bytes, &before));
  ASSERT_FALSE(pool_->Reallocate(100, int64_t{1} << 47, &bytes).ok());
  LiveBlock after;
  ASSERT_TRUE(Find(bytes, &after));
  EXPECT_EQ(after.size, 100u);
  EXPECT_EQ(after.stack, before.stack);
  EXPECT_EQ(after.serial, before.serial);
  EXPECT_EQ(Root().moving, 0u);
  EXPECT_EQ(StatisticsOf("").total_bytes, 100);
  EXPECT_EQ(StatisticsOf("").live_bytes, 100);
  pool_->Free(bytes, 100);
}

TEST_F(TrackingTest, ABlockFromBeforeIsUntrackedOnceItIsReallocatedAndItsFreeIsFine) {
  uint8_t* grown = Allocate(pool_.get(), 100);
  uint8_t* const freed = Allocate(pool_.get(), 100);
  ASSERT_TRUE(StartTracking().ok());
  EXPECT_EQ(Live(), 0u);
  pool_->Free(freed, 100);
  ASSERT_TRUE(pool_->Reallocate(100, 200'000, &grown).ok());
  LiveBlock block;
  ASSERT_TRUE(Find(grown, &block));
  EXPECT_EQ(block.flags, kUntracked);
  EXPECT_EQ(block.size, 200'000u);
  pool_->Free(grown, 200'000);
  EXPECT_EQ(Live(), 0u);
}

TEST_F(TrackingTest, SerialsTellBlocksAtOneAddressApart) {
  ASSERT_TRUE(StartTracking().ok());
  std::map<uint64_t, std::vector<uint64_t>> serials;
  for (int i = 0; i < 100; ++i) {
    uint8_t* const bytes = Allocate(pool_.get(), 64);
    LiveBlock block;
    ASSERT_TRUE(Find(bytes, &block));
    for (const uint64_t earlier : serials[block.address]) ASSERT_NE(block.serial, earlier);
    serials[block.address].push_back(block.serial);
    pool_->Free(bytes, 64);
  }
  EXPECT_LT(serials.size(), 100u);  // some address came twice, or nothing was tried
}

// Two blocks allocated here share a stack trace, which leads here and not into the tracker.
[[gnu::noinline]] uint8_t* AllocateHere(MemoryPool* pool) {
  uint8_t* block = nullptr;
  EXPECT_TRUE(pool->Allocate(64, &block).ok());
  return block;
}

TEST_F(TrackingTest, TheStackTraceLeadsToTheCallerAndIsKeptOnce) {
  ASSERT_TRUE(StartTracking({.unwinder = Unwinder::kRuntime}).ok());
  LiveBlock records[2];
  for (LiveBlock& record : records) {
    uint8_t* const bytes = AllocateHere(pool_.get());
    ASSERT_TRUE(Find(bytes, &record));
    pool_->Free(bytes, 64);
  }
  EXPECT_EQ(records[0].stack, records[1].stack);
  const auto frames = Tables().stacks.Frames(records[0].stack);
  ASSERT_GE(frames.size(), 3u);
  const auto function = reinterpret_cast<uint64_t>(&AllocateHere);
  size_t depth = 0;
  while (depth < frames.size() && !(frames[depth] > function && frames[depth] < function + 400)) {
    ++depth;
  }
  // Only the pool's own functions and the emission point may lie between.
  EXPECT_LE(depth, 3u);
  EXPECT_GE(depth, 1u);
}

TEST_F(TrackingTest, NoMoreFramesAreKeptThanAskedFor) {
  for (const int frames : {0, 1, 4}) {
    ASSERT_TRUE(StartTracking({.max_frames = frames, .unwinder = Unwinder::kRuntime}).ok());
    uint8_t* const bytes = Allocate(pool_.get(), 64);
    LiveBlock block;
    ASSERT_TRUE(Find(bytes, &block));
    EXPECT_EQ(Tables().stacks.Frames(block.stack).size(), static_cast<size_t>(frames));
    pool_->Free(bytes, 64);
    StopTracking();
  }
}

TEST_F(TrackingTest, LabelsAreCountedLiveAndInTotal) {
  ASSERT_TRUE(StartTracking().ok());
  std::vector<uint8_t*> blocks;
  {
    const ScopedLabel label("tracking_test.a");
    for (int i = 0; i < 10; ++i) blocks.push_back(Allocate(pool_.get(), 1000));
  }
  const ScopedLabel label("tracking_test.b");
  uint8_t* other = Allocate(pool_.get(), 50);
  for (int i = 0; i < 4; ++i) {
    pool_->Free(blocks.back(), 1000);
    blocks.pop_back();
  }
  ASSERT_TRUE(pool_->Reallocate(50, 80, &other).ok());
  const LabelStatistics a = StatisticsOf("tracking_test.a");
  EXPECT_EQ(a.live_bytes, 6'000);
  EXPECT_EQ(a.live_blocks, 6);
  EXPECT_EQ(a.total_bytes, 10'000);
  EXPECT_EQ(a.total_blocks, 10);
  const LabelStatistics b = StatisticsOf("tracking_test.b");
  EXPECT_EQ(b.live_bytes, 80);
  EXPECT_EQ(b.live_blocks, 1);
  EXPECT_EQ(b.total_bytes, 80);
  EXPECT_EQ(b.total_blocks, pool_->num_allocations() - 10);
  LiveBlock block;
  ASSERT_TRUE(Find(other, &block));
  EXPECT_STREQ(Root().labels[block.label].load(), "tracking_test.b");
  for (uint8_t* const bytes : blocks) pool_->Free(bytes, 1000);
  pool_->Free(other, 80);
}

TEST_F(TrackingTest, OnePoolCanBeTrackedAlone) {
  const std::unique_ptr<MemoryPool> other = MemoryPool::CreateDefault();
  ASSERT_TRUE(StartTracking({.pool = pool_.get()}).ok());
  uint8_t* const mine = Allocate(pool_.get(), 64);
  uint8_t* others = Allocate(other.get(), 64);
  ASSERT_TRUE(other->Reallocate(64, 100'000, &others).ok());
  EXPECT_TRUE(IsListed(mine));
  EXPECT_FALSE(IsListed(others));
  pool_->Free(mine, 64);
  other->Free(others, 100'000);
  EXPECT_EQ(Live(), 0u);
}

TEST_F(TrackingTest, SlicesAreListedWithTheirRootsWhenAskedFor) {
  ASSERT_TRUE(StartTracking({.views = true}).ok());
  auto allocated = AllocateBuffer(1000, pool_.get());
  ASSERT_TRUE(allocated.ok());
  const std::shared_ptr<Buffer> root = std::move(*allocated);
  std::shared_ptr<Buffer> slice = SliceBuffer(root, 100, 50);
  LiveView view;
  ASSERT_TRUE(Tables().views.Get(reinterpret_cast<uint64_t>(slice.get()), &view));
  EXPECT_EQ(view.root, reinterpret_cast<uint64_t>(root.get()));
  EXPECT_EQ(view.data, root->address() + 100);
  EXPECT_EQ(view.size, 50u);
  EXPECT_EQ(view.root_data, root->address());
  EXPECT_EQ(view.root_size, static_cast<uint64_t>(root->capacity()));
  EXPECT_EQ(view.thread, static_cast<uint32_t>(gettid()));
  EXPECT_TRUE(IsListed(root->data()));
  slice.reset();
  EXPECT_EQ(Tables().views.live(), 0u);
}

TEST_F(TrackingTest, TheRootOfASliceIsListedAsUntrackedUntilItGoes) {
  std::shared_ptr<Buffer> root = Buffer::FromString(std::string(1000, 'x'));
  const uint8_t* const data = root->data();
  ASSERT_TRUE(StartTracking({.views = true}).ok());
  std::shared_ptr<Buffer> slice = SliceBuffer(root, 0, 10);
  LiveBlock block;
  ASSERT_TRUE(Find(data, &block));
  EXPECT_EQ(block.flags, kUntracked);
  EXPECT_EQ(block.size, 1000u);
  slice.reset();
  EXPECT_TRUE(IsListed(data));
  root.reset();
  EXPECT_FALSE(IsListed(data));
}

TEST_F(TrackingTest, WithoutViewsASliceIsNotListed) {
  ASSERT_TRUE(StartTracking().ok());
  const std::shared_ptr<Buffer> slice = SliceBuffer(Buffer::FromString("abcdef"), 1, 2);
  EXPECT_EQ(Tables().views.live(), 0u);
}

TEST_F(TrackingTest, SampledBlocksStandForAllOfThem) {
  constexpr int64_t kMean = 10'000;
  ASSERT_TRUE(StartTracking({.sample_bytes = kMean, .max_frames = 0}).ok());
  const ScopedLabel label("tracking_test.sampled");
  constexpr int kBlocks = 60'000;
  std::vector<uint8_t*> blocks;
  int64_t bytes = 0;
  std::mt19937 random(4);
  std::vector<int64_t> sizes;
  for (int i = 0; i < kBlocks; ++i) {
    sizes.push_back(1 + static_cast<int64_t>(random() % 1'000));
    bytes += sizes.back();
    blocks.push_back(Allocate(pool_.get(), sizes.back()));
  }
  EXPECT_LT(Live(), static_cast<uint64_t>(kBlocks) / 10);
  EXPECT_GT(Live(), 0u);
  uint64_t weight = 0;
  Tables().blocks.ForEach([&](const LiveBlock& block) {
    EXPECT_EQ(block.flags, kSampled);
    weight += block.weight;
  });
  const LabelStatistics statistics = StatisticsOf("tracking_test.sampled");
  EXPECT_EQ(statistics.live_bytes, static_cast<int64_t>(weight));
  EXPECT_EQ(statistics.total_bytes, statistics.live_bytes);
  // About 3000 are sampled: an error of 10 % is more than five times the usual one.
  EXPECT_NEAR(static_cast<double>(weight) / static_cast<double>(bytes), 1, 0.1);
  EXPECT_NEAR(static_cast<double>(statistics.live_blocks) / kBlocks, 1, 0.25);
  for (int i = 0; i < kBlocks; ++i) {
    const auto at = static_cast<size_t>(i);
    pool_->Free(blocks[at], sizes[at]);
  }
  EXPECT_EQ(Live(), 0u);
  EXPECT_EQ(StatisticsOf("tracking_test.sampled").live_bytes, 0);
}

TEST_F(TrackingTest, AReallocationThatChangesNothingDrawsNoNewSample) {
  constexpr int64_t kSize = 4'096;
  ASSERT_TRUE(StartTracking({.sample_bytes = 100'000, .max_frames = 0}).ok());
  std::vector<uint8_t*> blocks(1'000);
  for (uint8_t*& block : blocks) block = Allocate(pool_.get(), kSize);
  const uint64_t sampled = Live();
  EXPECT_LT(sampled, 200u);
  for (int i = 0; i < 20; ++i) {
    for (uint8_t*& block : blocks) ASSERT_TRUE(pool_->Reallocate(kSize, kSize, &block).ok());
  }
  EXPECT_EQ(Live(), sampled);
  for (uint8_t*& block : blocks) {
    ASSERT_FALSE(pool_->Reallocate(kSize, int64_t{1} << 47, &block).ok());
  }
  EXPECT_EQ(Live(), sampled);
  for (uint8_t* const block : blocks) pool_->Free(block, kSize);
  EXPECT_EQ(Live(), 0u);
}

// Takes a snapshot when tracking asks for its name, which happens after a reallocation and before
// its new record is added.
class PoolThatLooks final : public ProxyMemoryPool {
 public:
  using ProxyMemoryPool::ProxyMemoryPool;
  std::string backend_name() const override {
    moving_ = Root().moving;
    const auto snapshot = HeapSnapshot::Take("meanwhile");
    if (snapshot.ok()) blocks_ = snapshot->blocks();
    return "looks";
  }
  mutable uint64_t moving_ = 0;
  mutable std::vector<HeapBlock> blocks_;
};

TEST_F(TrackingTest, AMovingBlockIsCountedAndListedUntilItsNewRecordIsThere) {
  ASSERT_TRUE(StartTracking().ok());
  uint8_t* const bytes = Allocate(pool_.get(), 100);
  uint8_t* const moved = bytes + 64;
  PoolThatLooks pool(pool_.get());
  ::alkaid::internal::NotifyReallocating(&pool, bytes, 100);
  EXPECT_EQ(Root().moving, 1u);
  EXPECT_EQ(Live(), 0u);
  ::alkaid::internal::NotifyReallocate(&pool, bytes, moved, 100, 30, 64);
  EXPECT_EQ(pool.moving_, 1u);
  ASSERT_EQ(pool.blocks_.size(), 1u);
  EXPECT_EQ(pool.blocks_[0].address, reinterpret_cast<uint64_t>(bytes));
  EXPECT_EQ(pool.blocks_[0].size, 100);
  EXPECT_EQ(Root().moving, 0u);
  EXPECT_TRUE(IsListed(moved));
  ::alkaid::internal::NotifyReallocating(pool_.get(), moved, 30);
  ::alkaid::internal::NotifyReallocate(pool_.get(), moved, bytes, 30, 100, 64);
  pool_->Free(bytes, 100);
  EXPECT_EQ(Live(), 0u);
}

TEST_F(TrackingTest, EachStartBeginsWithEmptyTables) {
  ASSERT_TRUE(StartTracking().ok());
  const ScopedLabel label("tracking_test.restart");
  uint8_t* const bytes = Allocate(pool_.get(), 64);
  EXPECT_EQ(StartTracking().code(), StatusCode::kFailedPrecondition);
  StopTracking();
  StopTracking();
  EXPECT_FALSE(IsTracking());
  EXPECT_EQ(Root().state, 0u);
  EXPECT_EQ(Live(), 0u);
  ASSERT_TRUE(StartTracking().ok());
  EXPECT_EQ(Live(), 0u);
  EXPECT_EQ(StatisticsOf("tracking_test.restart").total_bytes, 0);
  pool_->Free(bytes, 64);
}

TEST_F(TrackingTest, TheRootTellsHowTrackingWasBegun) {
  ASSERT_TRUE(StartTracking({.sample_bytes = 4096, .max_frames = 7}).ok());
  const HeapRoot& root = Root();
  EXPECT_STREQ(root.magic, "ALKHEAP");
  EXPECT_EQ(root.version, kHeapLayoutVersion);
  EXPECT_EQ(root.root_size, sizeof(HeapRoot));
  EXPECT_EQ(root.state, 1u);
  EXPECT_EQ(root.sample_bytes, 4096u);
  EXPECT_EQ(root.max_frames, 7u);
  EXPECT_GT(root.started_ns, 0u);
  EXPECT_NEAR(static_cast<double>(root.started_unix_ns) / 1e9, static_cast<double>(time(nullptr)),
              60);
  EXPECT_STREQ(root.labels[0].load(), "");
  EXPECT_STREQ(root.pools[0].name, "malloc");
}

TEST_F(TrackingTest, ManyThreadsLeaveExactlyWhatIsLive) {
  ASSERT_TRUE(StartTracking({.max_frames = 4}).ok());
  constexpr int kThreads = 4;
  std::vector<std::vector<uint8_t*>> kept(kThreads);
  std::vector<std::thread> threads;
  for (auto& mine : kept) {
    threads.emplace_back([this, &mine] {
      for (int i = 0; i < 5'000; ++i) {
        uint8_t* bytes = Allocate(pool_.get(), 64);
        EXPECT_TRUE(pool_->Reallocate(64, 64 + 8 * (i % 100), &bytes).ok());
        if (i % 50 == 0) {
          mine.push_back(bytes);
        } else {
          pool_->Free(bytes, 64 + 8 * (i % 100));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Live(), kThreads * 100u);
  EXPECT_EQ(Root().moving, 0u);
  EXPECT_EQ(Root().lost, 0u);
  EXPECT_EQ(StatisticsOf("").live_bytes, pool_->bytes_allocated());
  for (const auto& mine : kept) {
    for (size_t i = 0; i < mine.size(); ++i) {
      EXPECT_TRUE(IsListed(mine[i]));
      pool_->Free(mine[i], 64 + 8 * static_cast<int64_t>(i * 50 % 100));
    }
  }
  EXPECT_EQ(Live(), 0u);
}

TEST_F(TrackingTest, ItCanBeSwitchedWhileThreadsAllocate) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      while (!stop) {
        uint8_t* bytes = Allocate(pool_.get(), 100);
        EXPECT_TRUE(pool_->Reallocate(100, 3'000, &bytes).ok());
        const auto slice = SliceBuffer(Buffer::FromString("abcdef"), 1, 2);
        pool_->Free(bytes, 3'000);
      }
    });
  }
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(StartTracking({.views = i % 2 == 0}).ok());
    if (i % 3 == 0) std::this_thread::yield();
    StopTracking();
    ASSERT_EQ(Live(), 0u);
    ASSERT_EQ(Root().moving, 0u);
  }
  ASSERT_TRUE(StartTracking().ok());
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Live(), 0u);
}

TEST_F(TrackingTest, BadOptionsAreRefusedWithTheirLimits) {
  EXPECT_THAT(StartTracking({.max_frames = 129}).ToString(), HasSubstr("must be 0 to 128"));
  EXPECT_EQ(StartTracking({.max_frames = -1}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(StartTracking({.sample_bytes = -1}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(StartTracking({.unwinder = static_cast<Unwinder>(9)}).code(),
            StatusCode::kInvalidArgument);
  EXPECT_FALSE(IsTracking());
}

TEST(ParseTrackingOptions, UnderstandsEachWordAndLists) {
  auto options = ParseTrackingOptions("1");
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->sample_bytes, 0);
  EXPECT_EQ(options->max_frames, 32);
  options = ParseTrackingOptions("sample:524288,frames=16,unwinder=fp,views");
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->sample_bytes, 524'288);
  EXPECT_EQ(options->max_frames, 16);
  EXPECT_EQ(options->unwinder, Unwinder::kFramePointers);
  EXPECT_TRUE(options->views);
  EXPECT_EQ(ParseTrackingOptions("unwinder=runtime")->unwinder, Unwinder::kRuntime);
  EXPECT_EQ(ParseTrackingOptions("unwinder=cfi")->unwinder, Unwinder::kCallFrameInfo);
  EXPECT_TRUE(options->python);
  EXPECT_FALSE(ParseTrackingOptions("python=off")->python);
  EXPECT_TRUE(ParseTrackingOptions("python=off,python=on")->python);
}

TEST(ParseTrackingOptions, NamesTheWordThatItDoesNotUnderstand) {
  for (const char* word :
       {"", "0", "yes", "sample", "sample:", "sample:0", "sample:x", "sample:1k", "frames=129",
        "frames=-1", "unwinder=dwarf", "python", "python=no", "view", "1 "}) {
    const auto options = ParseTrackingOptions(std::string("views,") + word);
    ASSERT_EQ(options.status().code(), StatusCode::kInvalidArgument) << word;
    EXPECT_THAT(options.status().ToString(), HasSubstr("'" + std::string(word) + "'"));
  }
}

}  // namespace
}  // namespace alkaid::heap
