#include "raw_allocator.h"

#include <atomic>
#include <memory>

#include "alkaid/core/pools/memory_pool_registry.h"
#include "benchmark_program.h"

namespace alkaid::bench {
namespace {

// Larger than any block that an allocator caches without counting it as freed.
constexpr int64_t kProbeBytes = int64_t{4} << 20;

// The allocators whose statistics change by a block that `allocate` makes and `free` frees; more
// than one if a second copy is involved.
template <typename Allocate, typename Free>
std::vector<std::string> AllocatorsThatServe(Allocate allocate, Free free) {
  std::vector<std::string> names;
  const auto system_bytes = [] {
    const struct mallinfo2 info = mallinfo2();
    return static_cast<int64_t>(info.uordblks + info.hblkhd);
  };
#if ALKAID_HAVE_JEMALLOC
  const auto jemalloc_bytes = [] {
    static auto* const mallctl = LibraryFunction<decltype(je_alkaid_mallctl)>("je_alkaid_mallctl");
    uint64_t bytes = 0;
    size_t size = sizeof(bytes);
    Require(mallctl("thread.allocated", &bytes, &size, nullptr, 0) == 0,
            "jemalloc has no statistics");
    return static_cast<int64_t>(bytes);
  };
  const int64_t jemalloc_before = jemalloc_bytes();
#endif
  const int64_t system_before = system_bytes();
  void* const block = allocate(kProbeBytes);
  Require(block != nullptr, "no memory for the probe of a backend");
  if (system_bytes() - system_before >= kProbeBytes) names.push_back("system");
#if ALKAID_HAVE_JEMALLOC
  if (jemalloc_bytes() - jemalloc_before >= kProbeBytes) names.push_back("jemalloc");
#endif
#if ALKAID_HAVE_MIMALLOC
  static auto* const is_mine =
      LibraryFunction<decltype(mi_is_in_heap_region)>("mi_is_in_heap_region");
  if (is_mine(block)) names.push_back("mimalloc");
#endif
  free(block);
  return names;
}

void RequireOnly(const std::vector<std::string>& names, const std::string& expected,
                 const std::string& what) {
  std::string all;
  for (const std::string& name : names) all += " " + name;
  Require(names == std::vector<std::string>{expected},
          what + " should be served by " + expected + ", but is by:" + all);
}

}  // namespace

MemoryPool* PoolOver(const std::string& backend) {
  MemoryPool* const pool = Value(CreateMemoryPool(backend), "pool over " + backend).release();
  Require(pool->backend_name() == backend,
          "the pool over " + backend + " says that it is over " + pool->backend_name());
  RequireOnly(AllocatorsThatServe(
                  [pool](int64_t size) {
                    uint8_t* block = nullptr;
                    RequireOk(pool->Allocate(size, &block), "probe");
                    return static_cast<void*>(block);
                  },
                  [pool](void* block) { pool->Free(static_cast<uint8_t*>(block), kProbeBytes); }),
              backend, "the pool over " + backend);
  ForEachRawAllocator([&backend](auto raw) {
    if (backend != raw.kName) return;
    RequireOnly(AllocatorsThatServe(
                    [](int64_t size) { return decltype(raw)::Allocate(static_cast<size_t>(size)); },
                    [](void* block) { decltype(raw)::Free(block); }),
                backend, "raw " + backend);
  });
  return pool;
}

std::function<void(int64_t, benchmark::UserCounters*)> PoolSawThem(MemoryPool* pool) {
  auto expected = std::make_shared<std::atomic<int64_t>>(pool->num_allocations());
  return [pool, expected](int64_t times, benchmark::UserCounters*) {
    const int64_t all = expected->fetch_add(times) + times;
    Require(pool->num_allocations() >= all, "the pool did not see the allocations");
  };
}

}  // namespace alkaid::bench
