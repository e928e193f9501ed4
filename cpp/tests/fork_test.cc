// A child that is forked while other threads allocate can allocate, free and read counters, on
// every backend and through every adaptor.
//
// An alarm ends each child after a few seconds, so a lock that a vanished thread held is a failure,
// not a hang.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/observers/memory_events.h"
#include "alkaid/core/pools/capped_memory_pool.h"
#include "alkaid/core/pools/labelled_memory_pool.h"
#include "alkaid/core/pools/logging_memory_pool.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "fixtures/libc_malloc.h"

namespace alkaid {
namespace {

constexpr int kForks = 25;
constexpr int kThreads = 3;

bool AllocateAndFree(MemoryPool* pool, int64_t size, int64_t alignment) {
  uint8_t* block = nullptr;
  if (!pool->Allocate(size, alignment, &block).ok()) return false;
  std::memset(block, 3, static_cast<size_t>(size));
  if (!pool->Reallocate(size, 2 * size, alignment, &block).ok()) return false;
  const bool kept = block[0] == 3 && block[size - 1] == 3;
  pool->Free(block, 2 * size, alignment);
  return kept;
}

// The work of a child; the returned number says what failed. Its figures may include blocks of
// threads that the fork did not copy, so they are compared with themselves.
int InChild(MemoryPool* pool, uint8_t* inherited, int64_t inherited_size) {
  const int64_t live = pool->bytes_allocated();
  const int64_t count = pool->num_allocations();
  if (live < inherited_size || pool->max_memory() < inherited_size) return 11;
  for (int64_t size = 1; size <= 256 << 10; size *= 8) {
    if (!AllocateAndFree(pool, size, 64)) return 12;
    if (!AllocateAndFree(pool, size, 4096)) return 13;
  }
  if (pool->bytes_allocated() != live || pool->num_allocations() <= count) return 14;
  // The child may free a block that was allocated before the fork.
  pool->Free(inherited, inherited_size);
  if (pool->bytes_allocated() != live - inherited_size) return 15;
  if (pool->total_bytes_allocated() < inherited_size) return 16;
  // After such a fork ThreadSanitizer, and the allocators of sanitizers, allow neither threads nor
  // malloc.
  if (internal::kMallocIsSanitizers) return 0;
  bool works = false;
  std::thread([&] { works = AllocateAndFree(pool, 5000, 64); }).join();
  if (!works) return 17;
  const std::unique_ptr<MemoryPool> fresh = MemoryPool::CreateDefault();
  if (!AllocateAndFree(fresh.get(), 5000, 64) || fresh->bytes_allocated() != 0) return 18;
  pool->ReleaseUnused();
  return 0;
}

// Forks once; returns 0 when all checks of the child passed. An alarm ends a child that hangs.
int ForkOnce(MemoryPool* pool, const char* name, unsigned alarm_seconds = 20) {
  constexpr int64_t kInherited = 7000;
  uint8_t* inherited = nullptr;
  if (!pool->Allocate(kInherited, &inherited).ok()) return 1;
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(alarm_seconds);
    _exit(InChild(pool, inherited, kInherited));
  }
  if (pid < 0) return 1;
  int status = 0;
  waitpid(pid, &status, 0);
  pool->Free(inherited, kInherited);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
  if (WIFSIGNALED(status)) {
    std::printf("%s: the child was ended by signal %d%s\n", name, WTERMSIG(status),
                WTERMSIG(status) == SIGALRM ? ": it hung" : "");
  } else {
    std::printf("%s: the child failed at step %d\n", name, WEXITSTATUS(status));
  }
  return 1;
}

bool Survives(MemoryPool* pool, const char* name) {
  const int64_t before = pool->bytes_allocated();
  std::atomic<bool> stop{false};
  std::atomic<bool> sound{true};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int64_t i = 0; !stop; ++i) {
        if (!AllocateAndFree(pool, 1 + (i * 37 + t) % 20'000, 64)) sound = false;
        if (i % 16 == 0 && pool->bytes_allocated() < 0) sound = false;
      }
    });
  }
  // Threads that begin and end during the forks: their counters are handed over, and a fork may
  // come while the allocator sets up a thread's state.
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      while (!stop) {
        std::thread([&] {
          if (!AllocateAndFree(pool, 100, 64)) sound = false;
        }).join();
      }
    });
  }
  int failed = 0;
  for (int i = 0; i < kForks && failed == 0; ++i) failed += ForkOnce(pool, name);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  if (pool->bytes_allocated() != before) {
    std::printf("%s: %lld bytes are live in the parent, %lld were before\n", name,
                static_cast<long long>(pool->bytes_allocated()), static_cast<long long>(before));
    return false;
  }
  return failed == 0 && sound;
}

// Handlers of several forks run at the same time, each in its thread.
bool ThreadsMayForkAtOnce() {
  alarm(100);  // a hang becomes a failure
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&failed] {
      for (int i = 0; i < 2 * kForks; ++i) {
        const pid_t child = fork();
        if (child == 0) _exit(0);
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  alarm(0);
  if (failed != 0) std::printf("%d of the forks at once failed\n", failed.load());
  return failed == 0;
}

// The planted fault: takes a lock in the child that another thread of the parent holds for ever.
class HangsInTheChild final : public ProxyMemoryPool {
 public:
  using ProxyMemoryPool::ProxyMemoryPool;
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    if (getpid() != parent_) lock.lock();
    return ProxyMemoryPool::Allocate(size, alignment, out);
  }
  std::mutex lock;

 private:
  const pid_t parent_ = getpid();
};

bool AHangIsFound() {
  HangsInTheChild pool(system_memory_pool());
  std::promise<void> held;
  std::promise<void> tried;
  std::thread holder([&] {
    const std::lock_guard guard(pool.lock);
    held.set_value();
    tried.get_future().wait();
  });
  held.get_future().wait();
  const int failed = ForkOnce(&pool, "planted hang, to be found", /*alarm_seconds=*/1);
  tried.set_value();
  holder.join();
  return failed == 1;
}

// Asks the reporting pool for its figures, under whatever locks are held then.
class AsksForFigures final : public MemoryObserver {
 public:
  void OnAllocate(MemoryPool* pool, const void*, int64_t, int64_t) override {
    if (pool->bytes_allocated() < 0) ++wrong;
  }
  std::atomic<int> wrong{0};
};

int Run() {
  bool good = AHangIsFound();
  if (!good) std::printf("a planted hang was not found\n");
  good &= ThreadsMayForkAtOnce();
  int tried = 0;
  for (const MemoryBackend& backend : MemoryBackends()) {
    if (internal::kMallocIsSanitizers && backend.name == "system") {
      std::printf("system: not tried, a sanitizer's malloc does not survive such a fork\n");
      continue;
    }
    const Result<std::unique_ptr<MemoryPool>> pool = CreateMemoryPool(backend.name);
    if (!pool.ok()) return 1;
    good &= Survives(pool->get(), backend.name.c_str());
    ++tried;
  }
  good &= internal::kMallocIsSanitizers || Survives(default_memory_pool(), "the default pool");

  // A logging pool writes with the lock of its stream; the lines go nowhere.
  std::ofstream nowhere("/dev/null");
  auto proxy = std::make_shared<ProxyMemoryPool>(
      std::make_shared<CappedMemoryPool>(default_memory_pool(), int64_t{1} << 30));
  good &= Survives(proxy.get(), "proxy over capped");
  LabelledMemoryPool labelled(proxy, Label::Intern("fork"));
  good &= Survives(&labelled, "labelled over proxy over capped");
  if (!internal::kMallocIsSanitizers) {
    LoggingMemoryPool logging(proxy, nowhere);
    good &= Survives(&logging, "logging over proxy over capped");
  }
  AsksForFigures observer;
  AddMemoryObserver(&observer);
  good &= internal::kMallocIsSanitizers || Survives(default_memory_pool(), "an observed pool");
  RemoveMemoryObserver(&observer);
  good &= observer.wrong == 0;
  std::printf("%d backends, %d forks each\n", tried, kForks);
  return good ? 0 : 1;
}

}  // namespace
}  // namespace alkaid

int main() { return alkaid::Run(); }
