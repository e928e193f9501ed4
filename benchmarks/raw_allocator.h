// The allocators below the built-in pools, called directly for the same size and alignment.
//
// The calls are the pools' own, except for the C library's: posix_memalign, which programs use,
// while the pool calls memalign, which does the same and is 1 to 2 ns faster.
//
// Ownership: as malloc and free. Threads: any. Out of memory: null.
#pragma once

#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#if ALKAID_HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif
#if ALKAID_HAVE_MIMALLOC
#include <mimalloc.h>
#endif

#include "alkaid/core/pools/memory_pool.h"
#include "library_function.h"

namespace alkaid::bench {

// Each has Name, Allocate and Free, at the default alignment of buffers.
struct RawSystem {
  static constexpr char kName[] = "system";
  static void* Allocate(size_t size) {
    void* block = nullptr;
    return posix_memalign(&block, kDefaultBufferAlignment, size) == 0 ? block : nullptr;
  }
  static void Free(void* block) { std::free(block); }
};

#if ALKAID_HAVE_JEMALLOC
struct RawJemalloc {
  static constexpr char kName[] = "jemalloc";
  static void* Allocate(size_t size) {
    // Large blocks are aligned anyway, and stay in the thread's cache only without an alignment.
    return mallocx(size, size < kLargeSize ? MALLOCX_LG_ALIGN(6) : 0);
  }
  static void Free(void* block) { dallocx(block, 0); }

  static_assert(kDefaultBufferAlignment == 1 << 6);
  static constexpr size_t kLargeSize = 16 << 10;
  static inline auto* const mallocx =
      LibraryFunction<decltype(je_alkaid_mallocx)>("je_alkaid_mallocx");
  static inline auto* const dallocx =
      LibraryFunction<decltype(je_alkaid_dallocx)>("je_alkaid_dallocx");
};
#endif

#if ALKAID_HAVE_MIMALLOC
struct RawMimalloc {
  static constexpr char kName[] = "mimalloc";
  static void* Allocate(size_t size) { return malloc_aligned(size, kDefaultBufferAlignment); }
  static void Free(void* block) { free(block); }
  static inline auto* const malloc_aligned =
      LibraryFunction<decltype(mi_malloc_aligned)>("mi_malloc_aligned");
  static inline auto* const free = LibraryFunction<decltype(mi_free)>("mi_free");
};
#endif

// Calls `use` with a value of each raw allocator that the build has.
template <typename Use>
void ForEachRawAllocator(Use use) {
#if ALKAID_HAVE_MIMALLOC
  use(RawMimalloc());
#endif
#if ALKAID_HAVE_JEMALLOC
  use(RawJemalloc());
#endif
  use(RawSystem());
}

// A pool over the named backend, with its own figures, which lives as long as the process. Aborts
// unless the allocator's statistics show that its blocks come from the same allocator as the raw
// calls above.
MemoryPool* PoolOver(const std::string& backend);

// To be called after a case's turns, each of which allocates from `pool` at least once: aborts
// unless the pool counted that many.
std::function<void(int64_t, benchmark::UserCounters*)> PoolSawThem(MemoryPool* pool);

}  // namespace alkaid::bench
