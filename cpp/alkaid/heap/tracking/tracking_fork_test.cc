// A child forked while other threads allocate has consistent tables and continues tracking.

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/heap/tracking/heap_tables_internal.h"
#include "alkaid/heap/tracking/tracking.h"
#include "fixtures/child_process.h"
#include "fixtures/libc_malloc.h"

namespace alkaid::heap {
namespace {

bool IsListed(const uint8_t* bytes, LiveBlock* block) {
  return Tables().blocks.Get(reinterpret_cast<uint64_t>(bytes), block);
}

// Runs in the child; the number names the check that failed.
int InChild(MemoryPool* pool, uint8_t* inherited) {
  LiveBlock block;
  if (!IsTracking()) return 11;
  if (!IsListed(inherited, &block)) return 12;
  const uint32_t parent_thread = block.thread;
  uint64_t listed = 0;
  Tables().blocks.ForEach([&](const LiveBlock&) { ++listed; });
  if (listed != Tables().blocks.live()) return 13;
  if (Root().moving != 0) return 14;
  pool->Free(inherited, 100);
  if (IsListed(inherited, &block)) return 15;
  uint8_t* own = nullptr;
  if (!pool->Allocate(200, &own).ok() || !pool->Reallocate(200, 70'000, &own).ok()) return 16;
  if (!IsListed(own, &block) || block.size != 70'000) return 17;
  if (block.thread != static_cast<uint32_t>(gettid()) || block.thread == parent_thread) return 18;
  pool->Free(own, 70'000);
  StopTracking();
  if (Tables().blocks.live() != 0) return 19;
  if (!StartTracking().ok()) return 20;
  // Sanitizers allow no new threads after the fork of a multi-threaded process.
  if (::alkaid::internal::kMallocIsSanitizers) return 0;
  bool listed_in_thread = false;
  std::thread([&] {
    uint8_t* bytes = nullptr;
    if (!pool->Allocate(64, &bytes).ok()) return;
    listed_in_thread = IsListed(bytes, &block);
    pool->Free(bytes, 64);
  }).join();
  return listed_in_thread ? 0 : 21;
}

TEST(TrackingFork, AChildForkedWhileOthersAllocateHasWholeTablesAndTracksOn) {
  const std::unique_ptr<MemoryPool> pool = MemoryPool::CreateDefault();
  ASSERT_TRUE(StartTracking({.max_frames = 4, .views = true}).ok());
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      while (!stop) {
        uint8_t* bytes = nullptr;
        EXPECT_TRUE(pool->Allocate(100, &bytes).ok());
        EXPECT_TRUE(pool->Reallocate(100, 5'000, &bytes).ok());
        const auto slice = SliceBuffer(Buffer::FromString("abcdef"), 1, 2);
        pool->Free(bytes, 5'000);
      }
    });
  }
  for (int i = 0; i < 8; ++i) {
    uint8_t* inherited = nullptr;
    ASSERT_TRUE(pool->Allocate(100, &inherited).ok());
    // A lock that was left held would make the child hang.
    ASSERT_EQ(internal::RunInChild([&] { return InChild(pool.get(), inherited); }), 0);
    pool->Free(inherited, 100);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Tables().blocks.live(), 0u);
  StopTracking();
}

// The same, with a fork while another thread switches tracking.
TEST(TrackingFork, AChildForkedWhileTrackingIsSwitchedCanSwitchItItself) {
  std::atomic<bool> stop{false};
  std::thread switcher([&] {
    while (!stop) {
      EXPECT_TRUE(StartTracking({.max_frames = 0}).ok());
      StopTracking();
    }
  });
  for (int i = 0; i < 20; ++i) {
    const int code = internal::RunInChild([] {
      StopTracking();
      if (IsTracking() || !StartTracking().ok()) return 1;
      uint8_t* bytes = nullptr;
      LiveBlock block;
      if (!default_memory_pool()->Allocate(64, &bytes).ok()) return 2;
      return IsListed(bytes, &block) && Tables().blocks.live() == 1 ? 0 : 3;
    });
    ASSERT_EQ(code, 0);
  }
  stop = true;
  switcher.join();
}

}  // namespace
}  // namespace alkaid::heap
