// Counters stay right when threads end, when pools die before their threads, and for very late
// frees: from destructors at thread exit (thread_local objects, pthread keys in several rounds) and
// from static destructors after main.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/child_process.h"
#include "fixtures/run_all_tests.h"

namespace alkaid {
namespace {

constexpr int64_t kSize = 5000;

// Frees its block on destruction, whenever that is.
struct HeldBlock {
  HeldBlock() = default;
  HeldBlock(const HeldBlock&) = delete;
  HeldBlock& operator=(const HeldBlock&) = delete;
  ~HeldBlock() { Drop(); }

  void Take(MemoryPool* from) {
    pool = from;
    if (!pool->Allocate(kSize, &data).ok()) abort();
    std::memset(data, 9, kSize);
  }
  void Drop() {
    if (data != nullptr) pool->Free(data, kSize);
    data = nullptr;
  }

  MemoryPool* pool = nullptr;
  uint8_t* data = nullptr;
};

class ThreadEnd : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { ALKAID_ASSERT_OK_AND_ASSIGN(pool_, CreateMemoryPool(GetParam())); }
  std::unique_ptr<MemoryPool> pool_;
};

TEST_P(ThreadEnd, FiguresOfThreadsThatEndedAreKept) {
  constexpr int kThreads = 200;
  std::vector<HeldBlock> blocks(kThreads);
  for (HeldBlock& block : blocks) std::thread([&] { block.Take(pool_.get()); }).join();
  EXPECT_EQ(pool_->bytes_allocated(), kThreads * kSize);
  EXPECT_EQ(pool_->num_allocations(), kThreads);
  for (HeldBlock& block : blocks) std::thread([&] { block.Drop(); }).join();
  EXPECT_EQ(pool_->bytes_allocated(), 0);
  EXPECT_EQ(pool_->total_bytes_allocated(), kThreads * kSize);
  EXPECT_GE(pool_->max_memory(), kThreads * kSize);
}

// The thread outlives three pools; the figures of each begin at 0, whatever happened to the one
// before.
TEST_P(ThreadEnd, APoolMayDieBeforeItsThreads) {
  std::mutex mutex;
  std::condition_variable changed;
  MemoryPool* work = nullptr;
  bool stop = false;
  std::thread worker([&] {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return work != nullptr || stop; });
      if (stop) return;
      HeldBlock block;
      block.Take(work);
      block.Drop();
      work = nullptr;
      changed.notify_all();
    }
  });
  for (int round = 0; round < 100; ++round) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto pool, CreateMemoryPool(GetParam()));
    {
      std::unique_lock lock(mutex);
      work = pool.get();
      changed.notify_all();
      changed.wait(lock, [&] { return work == nullptr; });
    }
    ASSERT_EQ(pool->num_allocations(), 1) << "in round " << round;
    ASSERT_EQ(pool->total_bytes_allocated(), kSize);
    ASSERT_EQ(pool->bytes_allocated(), 0);
    ASSERT_EQ(pool->max_memory(), kSize);
  }
  {
    const std::lock_guard lock(mutex);
    stop = true;
  }
  changed.notify_all();
  worker.join();
}

thread_local HeldBlock thread_local_block;

TEST_P(ThreadEnd, ThreadLocalObjectsMayFreeWhenTheirThreadEnds) {
  for (int i = 0; i < 50; ++i) {
    std::thread([&] {
      // Used before the pool counts anything here, so that it is destroyed after the pool's own
      // state for this thread.
      thread_local_block.Drop();
      thread_local_block.Take(pool_.get());
    }).join();
    ASSERT_EQ(pool_->bytes_allocated(), 0) << "after thread " << i;
  }
  EXPECT_EQ(pool_->num_allocations(), 50);
}

// Frees its block in the first round of the key's destructors, allocates a new one, frees that in
// the second, and so on, for as many rounds as POSIX guarantees.
struct KeyRounds {
  pthread_key_t key;
  HeldBlock block;
  MemoryPool* pool;
  int rounds_left;
};
void NextRound(void* argument) {
  auto* rounds = static_cast<KeyRounds*>(argument);
  rounds->block.Drop();
  if (--rounds->rounds_left == 0) {
    delete rounds;
    return;
  }
  rounds->block.Take(rounds->pool);
  pthread_setspecific(rounds->key, rounds);
}

TEST_P(ThreadEnd, KeyDestructorsMayAllocateAndFreeInEveryRound) {
#if defined(__SANITIZE_THREAD__)
  // ThreadSanitizer ends its work for a thread in the last round, and jemalloc cleans up in the two
  // rounds after its last use.
  constexpr int kRounds = 1;
#else
  constexpr int kRounds = 4;  // PTHREAD_DESTRUCTOR_ITERATIONS
#endif
  pthread_key_t key;
  ASSERT_EQ(pthread_key_create(&key, NextRound), 0);
  for (int i = 0; i < 20; ++i) {
    std::thread([&] {
      auto* rounds = new KeyRounds{key, {}, pool_.get(), kRounds};
      rounds->block.Take(pool_.get());
      pthread_setspecific(key, rounds);
    }).join();
    ASSERT_EQ(pool_->bytes_allocated(), 0) << "after thread " << i;
  }
  EXPECT_EQ(pool_->num_allocations(), 20 * kRounds);
  EXPECT_EQ(pool_->total_bytes_allocated(), 20 * kRounds * kSize);
  pthread_key_delete(key);
}

TEST_P(ThreadEnd, AnAdaptorOnTheStackCountsForThreadsThatOutliveIt) {
  std::atomic<int> stage{0};
  std::atomic<MemoryPool*> work{nullptr};
  std::thread worker([&] {
    for (int seen = 0; seen < 20; ++seen) {
      while (stage <= seen) std::this_thread::yield();
      HeldBlock block;
      block.Take(work);
      block.Drop();
      work = nullptr;
    }
  });
  for (int i = 0; i < 20; ++i) {
    ProxyMemoryPool proxy(pool_.get());
    work = &proxy;
    ++stage;
    while (work != nullptr) std::this_thread::yield();
    EXPECT_EQ(proxy.num_allocations(), 1);
    EXPECT_EQ(proxy.bytes_allocated(), 0);
  }
  worker.join();
  EXPECT_EQ(pool_->num_allocations(), 20);
}

INSTANTIATE_TEST_SUITE_P(EveryBackend, ThreadEnd,
                         ::testing::ValuesIn(SupportedMemoryBackendNames()),
                         [](const auto& backend) { return backend.param; });

// Part of a child process: checks the default pool's figures after main, when everything that it
// held is freed, and prints the result.
struct LastWord {
  ~LastWord() {
    if (armed)
      std::printf("%lld bytes live after main\n",
                  static_cast<long long>(default_memory_pool()->bytes_allocated()));
  }
  bool armed = false;
};

// Destroyed in reverse order: first the late blocks, then the last word.
LastWord last_word;
HeldBlock static_blocks[3];

int RunAsChild() {
  last_word.armed = true;
  for (HeldBlock& block : static_blocks) block.Take(default_memory_pool());
  // A function's static, made after the pool, and the main thread's own thread_local.
  static HeldBlock functions_block;
  functions_block.Take(default_memory_pool());
  thread_local_block.Take(default_memory_pool());
  std::thread([] { thread_local_block.Take(default_memory_pool()); }).join();
  std::atexit([] {
    HeldBlock block;
    block.Take(default_memory_pool());
  });
  std::printf("%lld bytes live in main\n",
              static_cast<long long>(default_memory_pool()->bytes_allocated()));
  return 0;
}

TEST(ProcessEnd, StaticDestructorsMayFreeAndTheFiguresAreRight) {
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    const internal::ChildResult child =
        internal::RunSelf({}, {{"ALKAID_DEFAULT_MEMORY_POOL", backend}});
    EXPECT_TRUE(child.ExitedWith(0)) << backend << ": " << child.status << child.err;
    EXPECT_EQ(child.out, "25000 bytes live in main\n0 bytes live after main\n") << backend;
  }
}

}  // namespace
}  // namespace alkaid

int main(int argc, char** argv) {
  if (std::string(argv[0]) == "child") return alkaid::RunAsChild();
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
