#include "alkaid/core/observers/memory_events.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/observers/source_note.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid {
namespace {

// Keeps a table of live blocks of one pool, as a leak finder would, and a log of its events.
class Recorder : public MemoryObserver {
 public:
  explicit Recorder(const MemoryPool* pool) : pool_(pool) {}

  void OnAllocate(MemoryPool* pool, const void* ptr, int64_t size, int64_t alignment) override {
    if (pool != pool_) return;
    live[ptr] = size;
    log.push_back("allocate " + std::to_string(size) + " at " + std::to_string(alignment));
  }
  void OnReallocating(MemoryPool* pool, const void* old_ptr, int64_t old_size) override {
    if (pool != pool_) return;
    live.erase(old_ptr);
    log.push_back("reallocating " + std::to_string(old_size));
  }
  void OnReallocate(MemoryPool* pool, const void*, const void* new_ptr, int64_t old_size,
                    int64_t new_size, int64_t) override {
    if (pool != pool_) return;
    live[new_ptr] = new_size;
    log.push_back("reallocate " + std::to_string(old_size) + " to " + std::to_string(new_size));
  }
  void OnFree(MemoryPool* pool, const void* ptr, int64_t size) override {
    if (pool != pool_) return;
    live.erase(ptr);
    log.push_back("free " + std::to_string(size));
  }

  std::map<const void*, int64_t> live;
  std::vector<std::string> log;

 private:
  const MemoryPool* pool_;
};

class Attached {
 public:
  explicit Attached(MemoryObserver* observer) : observer_(observer) { AddMemoryObserver(observer); }
  ~Attached() { RemoveMemoryObserver(observer_); }

 private:
  MemoryObserver* observer_;
};

TEST(MemoryEvents, EachCallThatReachesTheAllocatorIsToldOnceInOrder) {
  auto pool = MemoryPool::CreateDefault();
  Recorder recorder(pool.get());
  const Attached attached(&recorder);
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool->Allocate(100, &block).ok());
  EXPECT_EQ(recorder.live.at(block), 100);
  ASSERT_TRUE(pool->Reallocate(100, 300000, &block).ok());
  EXPECT_EQ(recorder.live.at(block), 300000);
  pool->Free(block, 300000);
  EXPECT_TRUE(recorder.live.empty());
  EXPECT_EQ(recorder.log, (std::vector<std::string>{"allocate 100 at 64", "reallocating 100",
                                                    "reallocate 100 to 300000", "free 300000"}));
}

TEST(MemoryEvents, AFailedReallocationLeavesTheBlockListed) {
  auto pool = MemoryPool::CreateDefault();
  Recorder recorder(pool.get());
  const Attached attached(&recorder);
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool->Allocate(100, &block).ok());
  // Within the limit that the pool itself checks, but more than any allocator gives.
  ASSERT_FALSE(pool->Reallocate(100, int64_t{1} << 47, &block).ok());
  EXPECT_EQ(recorder.live.at(block), 100);
  pool->Free(block, 100);
}

TEST(MemoryEvents, RequestsThatReachNoAllocatorAreNotTold) {
  auto pool = MemoryPool::CreateDefault();
  Recorder recorder(pool.get());
  const Attached attached(&recorder);
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool->Allocate(0, &block).ok());
  pool->Free(block, 0);
  EXPECT_FALSE(pool->Allocate(-1, &block).ok());
  EXPECT_TRUE(recorder.log.empty());
}

TEST(MemoryEvents, NothingIsToldAfterRemovalAndAddingTwiceTellsOnce) {
  auto pool = MemoryPool::CreateDefault();
  Recorder recorder(pool.get());
  AddMemoryObserver(&recorder);
  AddMemoryObserver(&recorder);
  EXPECT_TRUE(internal::BlockEventsOn());
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool->Allocate(1, &block).ok());
  RemoveMemoryObserver(&recorder);
  EXPECT_FALSE(internal::BlockEventsOn());
  pool->Free(block, 1);
  EXPECT_EQ(recorder.log, std::vector<std::string>{"allocate 1 at 64"});
}

TEST(MemoryEvents, AnObserverIsToldOnlyTheKindsThatItWants) {
  class Counting : public MemoryObserver {
   public:
    void OnAllocate(MemoryPool*, const void*, int64_t, int64_t) override { ++blocks; }
    void OnFree(MemoryPool*, const void*, int64_t) override { ++blocks; }
    void OnSlice(const Buffer*, const Buffer*, int64_t, int64_t) override { ++views; }
    void OnSliceRelease(const Buffer*, const Buffer*) override { ++views; }
    void OnRootRelease(const Buffer*, const void*, int64_t) override { ++views; }
    int blocks = 0;
    int views = 0;
  };
  Counting of_blocks;
  Counting of_views;
  Counting of_all;
  AddMemoryObserver(&of_blocks, MemoryEventKinds::kBlocks);
  EXPECT_FALSE(internal::ViewEventsOn());
  AddMemoryObserver(&of_views, MemoryEventKinds::kViews);
  AddMemoryObserver(&of_all);
  {
    const std::shared_ptr<Buffer> root = AllocateBuffer(100).value();
    const auto slice = SliceBuffer(root, 10, 20);
  }
  for (Counting* observer : {&of_blocks, &of_views, &of_all}) RemoveMemoryObserver(observer);
  EXPECT_EQ(of_blocks.blocks, 2);
  EXPECT_EQ(of_blocks.views, 0);
  EXPECT_EQ(of_views.blocks, 0);
  EXPECT_EQ(of_views.views, 3);
  EXPECT_EQ(of_all.blocks, 2);
  EXPECT_EQ(of_all.views, 3);
}

TEST(MemoryEvents, WhatAnObserverAllocatesAndFreesIsToldToTheOthers) {
  auto pool = MemoryPool::CreateDefault();
  // Frees a block of the program from inside a callback.
  class Freeing : public MemoryObserver {
   public:
    void OnAllocate(MemoryPool* from, const void*, int64_t, int64_t) override {
      ++told;
      if (kept == nullptr) return;
      from->Free(std::exchange(kept, nullptr), 100);
      uint8_t* own = nullptr;
      if (from->Allocate(10, &own).ok()) from->Free(own, 10);
    }
    uint8_t* kept = nullptr;
    int told = 0;
  };
  Recorder recorder(pool.get());
  const Attached recording(&recorder);
  Freeing freeing;
  ASSERT_TRUE(pool->Allocate(100, &freeing.kept).ok());
  const Attached attached(&freeing);
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool->Allocate(20, &block).ok());
  EXPECT_EQ(freeing.told, 1);
  EXPECT_EQ(recorder.live.size(), 1u);
  EXPECT_EQ(recorder.live.at(block), 20);
  pool->Free(block, 20);
}

TEST(MemoryEvents, AnObserverMayItselfAllocateFromThePool) {
  class Allocating : public MemoryObserver {
   public:
    void OnAllocate(MemoryPool* pool, const void*, int64_t, int64_t) override {
      uint8_t* own = nullptr;
      if (pool->Allocate(10, &own).ok()) pool->Free(own, 10);
      ++told;
    }
    std::atomic<int> told{0};
  };
  auto pool = MemoryPool::CreateDefault();
  Allocating observer;
  const Attached attached(&observer);
  uint8_t* block = nullptr;
  ASSERT_TRUE(pool->Allocate(100, &block).ok());
  pool->Free(block, 100);
  EXPECT_EQ(observer.told, 1);
  EXPECT_EQ(pool->bytes_allocated(), 0);
}

TEST(MemoryEvents, RemovalWaitsUntilNoThreadIsInsideTheObserver) {
  // The observer writes to itself without a lock: a call after its removal would show as a use
  // after its end.
  class Fragile : public MemoryObserver {
   public:
    ~Fragile() override { gone = true; }
    void OnFree(MemoryPool*, const void*, int64_t) override { was_gone = was_gone || gone; }
    std::atomic<bool> gone{false}, was_gone{false};
  };
  auto pool = MemoryPool::CreateDefault();
  std::atomic<bool> stop{false};
  std::vector<std::thread> busy;
  for (int t = 0; t < 2; ++t) {
    busy.emplace_back([&] {
      while (!stop) {
        uint8_t* block = nullptr;
        if (pool->Allocate(64, &block).ok()) pool->Free(block, 64);
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    Fragile observer;
    AddMemoryObserver(&observer);
    std::this_thread::yield();
    RemoveMemoryObserver(&observer);
    EXPECT_FALSE(observer.was_gone);
  }
  stop = true;
  for (std::thread& thread : busy) thread.join();
}

TEST(MemoryEvents, ASourceNoteReachesWhoeverWatchesViews) {
  struct Reader : MemoryObserver {
    void OnSourceNote(const SourceNote& note) override {
      told.push_back(std::string(note.source) + " " + std::to_string(note.offset) + " " +
                     std::to_string(note.size) + " " + std::to_string(note.times.size()));
    }
    std::vector<std::string> told;
  };
  const std::vector<SourceTime> times = {{0, 1}, {3, 2}};
  const SourceNote note = {"bytes", 5, "run.xtc2", 4096, times};
  Reader views;
  Reader blocks;
  AddMemoryObserver(&views, MemoryEventKinds::kViews);
  AddMemoryObserver(&blocks, MemoryEventKinds::kBlocks);
  internal::NotifySourceNote(note);
  RemoveMemoryObserver(&views);
  RemoveMemoryObserver(&blocks);
  internal::NotifySourceNote(note);
  EXPECT_EQ(views.told, std::vector<std::string>{"run.xtc2 4096 5 2"});
  EXPECT_TRUE(blocks.told.empty());
}

struct Throws : MemoryObserver {
  void OnAllocate(MemoryPool*, const void*, int64_t, int64_t) override {
    throw std::runtime_error("an observer threw");
  }
  void OnRootRelease(const Buffer*, const void*, int64_t) override {
    throw std::runtime_error("an observer threw");
  }
};

// At the place of the throw, so that a core dump shows the observer.
TEST(MemoryEventsDeathTest, AnExceptionThatLeavesAnObserverEndsTheProgram) {
  EXPECT_DEATH(
      {
        Throws observer;
        AddMemoryObserver(&observer, MemoryEventKinds::kBlocks);
        uint8_t* block = nullptr;
        (void)default_memory_pool()->Allocate(100, &block);
      },
      "terminate called.*an observer threw");
  EXPECT_DEATH(
      {
        Throws observer;
        AddMemoryObserver(&observer, MemoryEventKinds::kViews);
        Buffer("bytes");
      },
      "an observer threw");
}

}  // namespace
}  // namespace alkaid
