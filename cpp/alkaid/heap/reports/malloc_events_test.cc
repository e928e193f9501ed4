#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/tracking/heap_tables_internal.h"
#include "alkaid/heap/tracking/malloc_events_internal.h"
#include "alkaid/heap/tracking/tracking.h"

namespace alkaid::heap {
namespace {

// Reports events as an interposer would, with addresses that are no real blocks.
class MallocEvents : public ::testing::Test {
 protected:
  ~MallocEvents() override { StopTracking(); }

  static const void* At(uint64_t address) { return reinterpret_cast<const void*>(address); }
  static bool Find(uint64_t address, LiveBlock* block) {
    return Tables().blocks.Get(address, block);
  }
  static LabelStatistics MallocStatistics() {
    for (const LabelStatistics& statistics : GetLabelStatistics()) {
      if (statistics.label == "malloc") return statistics;
    }
    return {};
  }
  static void Reallocate(uint64_t from, uint64_t to, size_t size) {
    alignas(16) char move[kMallocMoveBytes];
    alkaid_track_moving(move, At(from));
    alkaid_track_moved(move, At(to), size);
  }
};

TEST_F(MallocEvents, ABlockIsListedUnderTheLabelMalloc) {
  ASSERT_TRUE(StartTracking().ok());
  alkaid_track_malloc(At(0x1000), 100);
  LiveBlock block;
  ASSERT_TRUE(Find(0x1000, &block));
  EXPECT_EQ(block.size, 100u);
  EXPECT_EQ(block.pool, PoolIndex::kMalloc);
  EXPECT_STREQ(Root().labels[block.label].load(), "malloc");
  EXPECT_EQ(MallocStatistics().live_bytes, 100);
  alkaid_track_free(At(0x1000));
  EXPECT_FALSE(Find(0x1000, &block));
  EXPECT_EQ(MallocStatistics().live_blocks, 0);
  EXPECT_EQ(MallocStatistics().total_blocks, 1);
}

TEST_F(MallocEvents, ALabelOfTheThreadCountsMore) {
  ASSERT_TRUE(StartTracking().ok());
  const ScopedLabel label("malloc_events_test");
  alkaid_track_malloc(At(0x1000), 100);
  LiveBlock block;
  ASSERT_TRUE(Find(0x1000, &block));
  EXPECT_STREQ(Root().labels[block.label].load(), "malloc_events_test");
}

TEST_F(MallocEvents, AReallocatedBlockIsListedOnceAtItsNewPlace) {
  ASSERT_TRUE(StartTracking().ok());
  alkaid_track_malloc(At(0x1000), 100);
  Reallocate(0x1000, 0x2000, 150);
  LiveBlock block;
  EXPECT_FALSE(Find(0x1000, &block));
  ASSERT_TRUE(Find(0x2000, &block));
  EXPECT_EQ(block.size, 150u);
  EXPECT_EQ(block.flags, 0);
  EXPECT_EQ(MallocStatistics().live_bytes, 150);
  EXPECT_EQ(MallocStatistics().total_bytes, 150);
  EXPECT_EQ(Root().moving, 0u);
}

TEST_F(MallocEvents, BetweenTheTwoEventsTheBlockIsMoving) {
  ASSERT_TRUE(StartTracking().ok());
  alkaid_track_malloc(At(0x1000), 100);
  alignas(16) char move[kMallocMoveBytes];
  alkaid_track_moving(move, At(0x1000));
  EXPECT_EQ(Root().moving, 1u);
  EXPECT_EQ(Tables().blocks.live(), 0u);
  alkaid_track_gone(move);
  EXPECT_EQ(Root().moving, 0u);
  EXPECT_EQ(Tables().blocks.live(), 0u);
}

TEST_F(MallocEvents, ARefusalPutsTheRecordBackAsItWas) {
  ASSERT_TRUE(StartTracking().ok());
  alkaid_track_malloc(At(0x1000), 100);
  LiveBlock before, after;
  ASSERT_TRUE(Find(0x1000, &before));
  Reallocate(0x1000, 0, 1'000'000);
  ASSERT_TRUE(Find(0x1000, &after));
  EXPECT_EQ(after.size, 100u);
  EXPECT_EQ(after.serial, before.serial);
  EXPECT_EQ(after.stack, before.stack);
  EXPECT_EQ(MallocStatistics().live_bytes, 100);
  EXPECT_EQ(MallocStatistics().total_blocks, 1);
}

TEST_F(MallocEvents, ABlockFromBeforeIsUntrackedWhenItIsReallocated) {
  ASSERT_TRUE(StartTracking().ok());
  Reallocate(0x1000, 0x2000, 150);
  LiveBlock block;
  ASSERT_TRUE(Find(0x2000, &block));
  EXPECT_EQ(block.flags, kUntracked);
  alkaid_track_free(At(0x3000));
  EXPECT_EQ(Tables().blocks.live(), 1u);
}

TEST_F(MallocEvents, AReallocationAcrossANewStartIsBalanced) {
  ASSERT_TRUE(StartTracking().ok());
  alkaid_track_malloc(At(0x1000), 100);
  alignas(16) char move[kMallocMoveBytes];
  alkaid_track_moving(move, At(0x1000));
  StopTracking();
  ASSERT_TRUE(StartTracking().ok());
  alkaid_track_moved(move, At(0x2000), 150);
  LiveBlock block;
  EXPECT_TRUE(Find(0x2000, &block));
  EXPECT_EQ(Root().moving, 0u);
}

// Allocates as the system pool does when malloc is watched.
struct WatchedAllocator {
  static Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) {
    const auto bytes = static_cast<size_t>((size + alignment - 1) / alignment * alignment);
    void* const block = std::aligned_alloc(static_cast<size_t>(alignment), bytes);
    alkaid_track_malloc(block, bytes);
    *out = static_cast<uint8_t*>(block);
    return absl::OkStatus();
  }
  static Status ReallocateAligned(int64_t, int64_t new_size, int64_t, uint8_t** ptr) {
    alignas(16) char move[kMallocMoveBytes];
    alkaid_track_moving(move, *ptr);
    *ptr = static_cast<uint8_t*>(std::realloc(*ptr, static_cast<size_t>(new_size)));
    alkaid_track_moved(move, *ptr, static_cast<size_t>(new_size));
    return absl::OkStatus();
  }
  static void DeallocateAligned(uint8_t* ptr, int64_t, int64_t) {
    alkaid_track_free(ptr);
    std::free(ptr);
  }
  static void ReleaseUnused() {}
  static void PrintStats() {}
  static std::string name() { return "watched"; }
};

TEST_F(MallocEvents, ABlockThatAPoolHasFromMallocIsThePoolsAlone) {
  BaseMemoryPoolImpl<WatchedAllocator> pool;
  ASSERT_TRUE(StartTracking().ok());
  alkaid_track_malloc(At(0x1000), 50);
  uint8_t* bytes = nullptr;
  ASSERT_TRUE(pool.Allocate(100, &bytes).ok());
  const auto is_the_pools = [&](uint64_t size) {
    LiveBlock block;
    return Find(reinterpret_cast<uint64_t>(bytes), &block) && block.size == size &&
           std::string(Root().pools[block.pool].name) == "watched" && block.flags == 0 &&
           Tables().blocks.live() == 2;
  };
  EXPECT_TRUE(is_the_pools(100));
  ASSERT_TRUE(pool.Reallocate(100, 300'000, &bytes).ok());
  EXPECT_TRUE(is_the_pools(300'000));
  pool.Free(bytes, 300'000);
  EXPECT_EQ(Tables().blocks.live(), 1u);
  // malloc's counts for the pool's blocks are taken back.
  EXPECT_EQ(MallocStatistics().live_bytes, 50);
  EXPECT_EQ(MallocStatistics().total_bytes, 50);
  EXPECT_EQ(MallocStatistics().total_blocks, 1);
}

TEST_F(MallocEvents, ABlockOfWhichAPoolGivesOutPartsStaysMallocsUntilMallocHasItBack) {
  const std::unique_ptr<MemoryPool> pool = MemoryPool::CreateDefault();
  ASSERT_TRUE(StartTracking().ok());
  alkaid_track_malloc(At(0x100000), 1 << 20);
  const auto is_listed = [](uint64_t address, uint64_t size, bool as_mallocs) {
    LiveBlock block;
    return Find(address, &block) && block.size == size &&
           (block.pool == PoolIndex::kMalloc) == as_mallocs;
  };
  ::alkaid::internal::NotifyAllocate(pool.get(), At(0x100000), 70'000, 64);
  ::alkaid::internal::NotifyAllocate(pool.get(), At(0x120000), 500, 64);
  EXPECT_TRUE(is_listed(0x100000, 1 << 20, true));
  EXPECT_TRUE(is_listed(0x120000, 500, false));
  EXPECT_EQ(MallocStatistics().total_bytes, 1 << 20);
  ::alkaid::internal::NotifyReallocating(pool.get(), At(0x100000), 70'000);
  EXPECT_EQ(Root().moving, 0u);
  ::alkaid::internal::NotifyReallocate(pool.get(), At(0x100000), At(0x140000), 70'000, 80'000, 64);
  EXPECT_TRUE(is_listed(0x100000, 1 << 20, true));
  LiveBlock moved;
  ASSERT_TRUE(Find(0x140000, &moved));
  EXPECT_EQ(moved.flags, 0);
  ::alkaid::internal::NotifyFree(pool.get(), At(0x120000), 500);
  ::alkaid::internal::NotifyFree(pool.get(), At(0x140000), 80'000);
  ::alkaid::internal::NotifyAllocate(pool.get(), At(0x100000), 300, 64);
  ::alkaid::internal::NotifyFree(pool.get(), At(0x100000), 300);
  EXPECT_TRUE(is_listed(0x100000, 1 << 20, true));
  EXPECT_EQ(Tables().blocks.live(), 1u);
  EXPECT_EQ(MallocStatistics().live_bytes, 1 << 20);
  alkaid_track_free(At(0x100000));
  EXPECT_EQ(Tables().blocks.live(), 0u);
}

TEST_F(MallocEvents, AWholeBlockIsThePoolsThoughItIsRoundedUp) {
  const std::unique_ptr<MemoryPool> pool = MemoryPool::CreateDefault();
  ASSERT_TRUE(StartTracking().ok());
  for (const size_t asked : {100u, 128u}) {
    alkaid_track_malloc(At(0x1000), asked);
    ::alkaid::internal::NotifyAllocate(pool.get(), At(0x1000), 100, 64);
    LiveBlock block;
    ASSERT_TRUE(Find(0x1000, &block));
    EXPECT_NE(block.pool, PoolIndex::kMalloc) << asked;
    EXPECT_EQ(block.size, 100u);
    ::alkaid::internal::NotifyFree(pool.get(), At(0x1000), 100);
    alkaid_track_free(At(0x1000));
    EXPECT_EQ(Tables().blocks.live(), 0u);
  }
}

TEST_F(MallocEvents, AMovingBlockIsInSnapshots) {
  ASSERT_TRUE(StartTracking().ok());
  void* const bytes = std::malloc(100);
  alkaid_track_malloc(bytes, 100);
  alignas(16) char move[kMallocMoveBytes];
  alkaid_track_moving(move, bytes);
  const auto snapshot = HeapSnapshot::Take("meanwhile");
  alkaid_track_moved(move, nullptr, 1'000);
  alkaid_track_free(bytes);
  std::free(bytes);
  ASSERT_TRUE(snapshot.ok());
  ASSERT_EQ(snapshot->blocks().size(), 1u);
  EXPECT_EQ(snapshot->blocks()[0].size, 100);
}

TEST_F(MallocEvents, SampledBlocksOfAPoolOverMallocStandForThemselvesOnce) {
  BaseMemoryPoolImpl<WatchedAllocator> pool;
  ASSERT_TRUE(StartTracking({.sample_bytes = 2'000, .max_frames = 0}).ok());
  std::vector<uint8_t*> blocks(20'000);
  for (uint8_t*& block : blocks) ASSERT_TRUE(pool.Allocate(128, &block).ok());
  uint64_t weight = 0;
  Tables().blocks.ForEach([&](const LiveBlock& block) {
    EXPECT_NE(block.pool, PoolIndex::kMalloc);
    weight += block.weight;
  });
  EXPECT_NEAR(static_cast<double>(weight) / (128 * 20'000), 1, 0.2);
  EXPECT_EQ(MallocStatistics().total_bytes, 0);
  for (uint8_t* const block : blocks) pool.Free(block, 128);
  EXPECT_EQ(Tables().blocks.live(), 0u);
}

TEST_F(MallocEvents, WhereOnlyAPoolIsTrackedMallocIsNot) {
  const std::unique_ptr<MemoryPool> pool = MemoryPool::CreateDefault();
  ASSERT_TRUE(StartTracking({.pool = pool.get()}).ok());
  alkaid_track_malloc(At(0x1000), 50);
  Reallocate(0x1000, 0x2000, 80);
  EXPECT_EQ(Tables().blocks.live(), 0u);
}

TEST_F(MallocEvents, ErrnoStaysAndNothingIsListedWhileOff) {
  errno = 77;
  alkaid_track_malloc(At(0x1000), 50);
  EXPECT_EQ(Tables().blocks.live(), 0u);
  ASSERT_TRUE(StartTracking().ok());
  errno = 77;
  for (uint64_t i = 1; i < 10'000; ++i) alkaid_track_malloc(At(64 * i), 50);
  Reallocate(64, 32, 70);
  for (uint64_t i = 2; i < 10'000; ++i) alkaid_track_free(At(64 * i));
  EXPECT_EQ(errno, 77);
  EXPECT_EQ(Tables().blocks.live(), 1u);
}

TEST_F(MallocEvents, ItCanBeSwitchedWhileThreadsCallMalloc) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (uint64_t t = 1; t <= 2; ++t) {
    threads.emplace_back([&stop, t] {
      const uint64_t own = t << 40;
      for (uint64_t i = 1; !stop; i = i % 1'000 + 1) {
        alkaid_track_malloc(At(own + 64 * i), 50);
        Reallocate(own + 64 * i, own + 64 * i + 32, 70);
        alkaid_track_free(At(own + 64 * i + 32));
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(StartTracking({.max_frames = i % 2 * 8}).ok());
    std::this_thread::yield();
    StopTracking();
    ASSERT_EQ(Tables().blocks.live(), 0u);
  }
  ASSERT_TRUE(StartTracking().ok());
  stop = true;
  for (std::thread& thread : threads) thread.join();
  // Nothing from an earlier start is in this one, and nothing is left over.
  EXPECT_EQ(Tables().blocks.live(), 0u);
  EXPECT_EQ(Root().moving, 0u);
}

}  // namespace
}  // namespace alkaid::heap
