// Threads that first use a pool when the process has no memory left, on every backend. Each case is
// a process of its own.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "fixtures/child_process.h"
#include "fixtures/run_all_tests.h"

namespace alkaid {
namespace {

constexpr int kThreads = 40;

size_t AddressSpace() {
  size_t pages = 0;
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%zu", &pages) != 1) ::abort();
  std::fclose(file);
  return pages * static_cast<size_t>(::getpagesize());
}

// Takes all blocks that the pool can give, as a linked list.
void* TakeAll(MemoryPool* pool) {
  void* last = nullptr;
  for (int64_t size = 16 << 20; size >= 64; size /= 2) {
    uint8_t* block = nullptr;
    while (pool->Allocate(size, &block).ok()) {
      *reinterpret_cast<void**>(block) = last;
      last = block;
    }
  }
  return last;
}

// `spare`: how much more address space is free when the threads begin.
int RunAsChild(const std::string& backend, size_t spare, bool take_all) {
  MemoryPool* pool = system_memory_pool();
  if (backend == "jemalloc" && !jemalloc_memory_pool(&pool).ok()) return 1;
  if (backend == "mimalloc" && !mimalloc_memory_pool(&pool).ok()) return 1;
  std::atomic<bool> begin{false};
  std::atomic<int> wrong{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      begin.wait(false);
      for (const int64_t size : {64, 100'000}) {
        uint8_t* block = nullptr;
        // A status without memory for its text is thrown as an exception.
        try {
          const Status status = pool->Allocate(size, &block);
          if (status.ok()) continue;
          if (status.code() != StatusCode::kResourceExhausted) ++wrong;
        } catch (const std::bad_alloc&) {
        }
        ++refused;
      }
    });
  }
  const size_t limit = AddressSpace() + spare;
  const rlimit bound = {limit, limit};
  if (::setrlimit(RLIMIT_AS, &bound) != 0) return 2;
  void* all = nullptr;
  if (take_all) {
    all = TakeAll(pool);
    if (pool != system_memory_pool()) TakeAll(system_memory_pool());
  }
  begin = true;
  begin.notify_all();
  for (std::thread& thread : threads) thread.join();
  if (wrong != 0 || (take_all && (all == nullptr || refused == 0))) return 3;
  return 0;
}

class ShortOfMemoryPool : public ::testing::TestWithParam<std::string> {};

TEST_P(ShortOfMemoryPool, RefusesThreadsThatUseItForTheFirstTimeAndEndsNothing) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer takes more address space than any limit";
#endif
  const internal::ChildResult child = internal::RunSelf({GetParam(), "65536", "all"}, {});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
}

// At some of these amounts each thing that an allocator makes for a thread is refused.
TEST_P(ShortOfMemoryPool, ServesOrRefusesThreadsWhateverIsLeft) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer takes more address space than any limit";
#endif
  for (int kilobytes = 0; kilobytes <= 12'288; kilobytes += 128) {
    const internal::ChildResult child =
        internal::RunSelf({GetParam(), std::to_string(kilobytes), "none"}, {});
    EXPECT_TRUE(child.ExitedWith(0)) << kilobytes << ": " << child.status << child.err;
  }
}

INSTANTIATE_TEST_SUITE_P(EachBackend, ShortOfMemoryPool,
                         ::testing::ValuesIn(SupportedMemoryBackendNames()),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace alkaid

int main(int argc, char** argv) {
  if (argc > 3 && std::string(argv[0]) == "child") {
    return alkaid::RunAsChild(argv[1], std::stoul(argv[2]) << 10, std::string(argv[3]) == "all");
  }
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
