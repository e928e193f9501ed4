// A host that loads the library after it has registered fork handlers which pause its workers, as
// interpreters and servers do, or end them, as libraries for linear algebra do. So the library's
// own handlers run first, and the workers allocate until they pause. The only argument is the
// library's path.
//
// CTest runs it once more in the debug mode of pools, where the children find faults too.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/pools/memory_pool.h"

namespace {

using alkaid::MemoryPool;

constexpr int kWorkers = 3;
constexpr int kForks = 20;
constexpr int64_t kSize = 7000;

enum class Order { kWork, kRest, kEnd };
std::atomic<Order> order{Order::kWork};
std::atomic<int> resting{0};
std::atomic<int> steps{0};
std::vector<std::thread>* workers = nullptr;
MemoryPool* the_pool = nullptr;

bool Step(MemoryPool* pool) {
  for (int64_t size = 1000; size < 9000; size += 500) {
    uint8_t* block = nullptr;
    if (!pool->Allocate(size, 64, &block).ok()) return false;
    if (!pool->Reallocate(size, size + 3000, 64, &block).ok()) return false;
    pool->Free(block, size + 3000, 64);
  }
  return true;
}

void Work() {
  for (;;) {
    if (!Step(the_pool)) std::abort();
    ++steps;
    if (order == Order::kEnd) return;
    if (order == Order::kWork) continue;
    ++resting;
    while (order == Order::kRest) std::this_thread::yield();
    --resting;
  }
}

void StartWorkers() {
  for (int i = 0; i < kWorkers; ++i) workers->emplace_back(Work);
}

// When this runs, workers are in the middle of their work, new ones before their first allocation.
// They go on with it before they pause or end.
bool ends_next = false;
void LetWorkersRest() {
  const int begun = steps;
  while (steps < begun + 2 * kWorkers) std::this_thread::yield();
  order = ends_next ? Order::kEnd : Order::kRest;
  if (ends_next) {
    for (std::thread& worker : *workers) worker.join();
    workers->clear();
  }
  while (resting < static_cast<int>(workers->size())) std::this_thread::yield();
}
void LetWorkersGoOn() {
  order = Order::kWork;
  while (resting > 0) std::this_thread::yield();
  if (ends_next) StartWorkers();
  ends_next = !ends_next;
}

// In the child, before the library's own handler has run there.
void BeginInChild() {
  alarm(20);
  if (!Step(the_pool)) _exit(4);
}

// How a child ends that frees a block of its parent's, once or several times.
int ForkOne(MemoryPool* pool, int frees) {
  uint8_t* block = nullptr;
  if (!pool->Allocate(kSize, 64, &block).ok()) return -1;
  const pid_t child = fork();
  if (child == 0) {
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    if (!Step(pool)) _exit(5);
    for (int i = 0; i < frees; ++i) pool->Free(block, kSize, 64);
    _exit(3);
  }
  int status = -1;
  if (waitpid(child, &status, 0) != child) return -1;
  pool->Free(block, kSize, 64);
  return status;
}

[[noreturn]] void Fail(const char* what, int status) {
  std::printf("%s: status %d\n", what, status);
  std::fflush(stdout);
  _exit(1);
}

int Run(const char* path) {
#if defined(__SANITIZE_THREAD__)
  std::printf(
      "a fork holds ThreadSanitizer's locks before its handlers run, so no handler may wait\n");
  return 77;
#endif
  alarm(60);  // a hang becomes a failure
  if (pthread_atfork(LetWorkersRest, LetWorkersGoOn, BeginInChild) != 0) return 2;
  void* const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::printf("%s\n", dlerror());
    return 2;
  }
  // The mangled name of alkaid::system_memory_pool().
  const auto get =
      reinterpret_cast<MemoryPool* (*)()>(dlsym(library, "_ZN6alkaid18system_memory_poolEv"));
  if (get == nullptr) return 2;
  MemoryPool* const pool = get();
  the_pool = pool;
  workers = new std::vector<std::thread>;
  StartWorkers();
  for (int i = 0; i < kForks; ++i) {
    const int status = ForkOne(pool, 1);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 3) Fail("a child that frees a block", status);
  }
  const char* const mode = std::getenv("ALKAID_DEBUG_MEMORY_POOL");
  if (mode != nullptr && std::string(mode) == "abort") {
    const int status = ForkOne(pool, 2);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) {
      Fail("a child that frees a block twice", status);
    }
  }
  // No worker is paused any more.
  order = Order::kEnd;
  for (std::thread& worker : *workers) worker.join();
  workers->clear();
  if (pool->bytes_allocated() != 0) Fail("what is live in the end", 0);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::printf("usage: %s libalkaid.so\n", argv[0]);
    return 2;
  }
  return Run(argv[1]);
}
