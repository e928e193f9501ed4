// A program without libalkaid.so loads it late, with running threads, and uses every backend;
// malloc stays the C library's. The only argument is the library's path.
#include <dlfcn.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/pools/memory_pool.h"
#include "fixtures/libc_malloc.h"

namespace {

using alkaid::MemoryPool;

// The mangled names of alkaid::system_memory_pool() and so on.
using GetPool = MemoryPool* (*)();
using FindPool = alkaid::Status (*)(MemoryPool**);

// Allocates, grows and frees; the figures must be as before.
bool Works(MemoryPool* pool) {
  uint8_t* block = nullptr;
  if (!pool->Allocate(1000, 256, &block).ok()) return false;
  std::memset(block, 5, 1000);
  if (!pool->Reallocate(1000, 3'000'000, 256, &block).ok()) return false;
  const bool kept = block[0] == 5 && block[999] == 5;
  pool->Free(block, 3'000'000, 256);
  return kept && pool->total_bytes_allocated() >= 3'000'000;
}

// Ends the program where going on makes no sense.
void* Find(void* library, const char* name) {
  void* const found = library == nullptr ? nullptr : dlsym(library, name);
  if (found == nullptr) {
    std::printf("%s: %s\n", name, dlerror());
    std::fflush(stdout);
    std::_Exit(1);
  }
  return found;
}

int Run(const char* path) {
  const bool check_malloc = !alkaid::internal::kMallocIsSanitizers;
  if (!check_malloc) std::printf("who serves malloc is not asked: it is the sanitizer\n");
  bool good = !check_malloc || alkaid::internal::MallocIsLibcs("before loading");

  // These threads are older than the library: its thread-local storage must work in them too.
  std::atomic<bool> loaded{false};
  std::atomic<MemoryPool*> pools[3] = {};
  std::atomic<int> worked{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      while (!loaded) std::this_thread::yield();
      for (const auto& pool : pools) {
        if (pool == nullptr || Works(pool)) ++worked;
      }
    });
  }
  void* early = std::malloc(10'000);

  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  const auto system = reinterpret_cast<GetPool>(Find(library, "_ZN6alkaid18system_memory_poolEv"));
  pools[0] = system();
  int index = 1;
  for (const char* name : {"_ZN6alkaid20jemalloc_memory_poolEPPNS_10MemoryPoolE",
                           "_ZN6alkaid20mimalloc_memory_poolEPPNS_10MemoryPoolE"}) {
    MemoryPool* pool = nullptr;
    const auto find = reinterpret_cast<FindPool>(Find(library, name));
    if (find(&pool).ok()) pools[index] = pool;
    ++index;
  }
  loaded = true;
  for (std::thread& thread : threads) thread.join();
  if (worked != 12) {
    std::printf("threads older than the library: %d of 12 pools worked\n", worked.load());
    good = false;
  }
  for (const auto& pool : pools) {
    if (pool == nullptr) continue;
    const std::string name = pool.load()->backend_name();
    bool younger = false;
    std::thread([&] { younger = Works(pool); }).join();
    if (!Works(pool) || !younger || pool.load()->bytes_allocated() != 0) {
      std::printf("%s: does not work after a late load\n", name.c_str());
      good = false;
    }
  }
  good &= !check_malloc || alkaid::internal::MallocIsLibcs("after a local load");

  if (dlopen(path, RTLD_NOW | RTLD_GLOBAL) != library) {
    std::printf("a second, global load gave another library\n");
    good = false;
  }
  good &= !check_malloc || alkaid::internal::MallocIsLibcs("after a global load");
  std::free(early);

  // The library stays loaded: threads and exit handlers point into it.
  dlclose(library);
  dlclose(library);
  if (!Works(pools[0])) {
    std::printf("does not work after dlclose\n");
    good = false;
  }
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::printf("usage: %s libalkaid.so\n", argv[0]);
    return 2;
  }
  return Run(argv[1]);
}
