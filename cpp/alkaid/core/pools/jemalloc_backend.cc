// The backend over the library's own copy of jemalloc.

#include <jemalloc/jemalloc.h>

#include <cstdint>

#include "alkaid/core/pools/jemalloc.h"
#include "alkaid/core/pools/memory_pool_backends_internal.h"

// jemalloc reads its options from here at its first call. oversize_threshold:0 keeps big blocks in
// the ordinary arenas: with the default, every block of 8 MiB or more is returned to the system
// when freed, and its pages fault again when it is allocated again. lg_tcache_max:16 lets a
// thread's cache serve blocks of up to 64 KiB, not 32: 15 ns where an arena takes 170 (pool_bench).
extern "C" const char* je_alkaid_malloc_conf;
const char* je_alkaid_malloc_conf = "oversize_threshold:0,lg_tcache_max:16";

namespace alkaid {
namespace {

// The value of MALLOCX_ALIGN for a power of two, without its calls of ffs().
int AlignmentFlag(int64_t alignment) {
  return MALLOCX_LG_ALIGN(__builtin_ctzll(static_cast<uint64_t>(alignment)));
}

// Bytes. From this size on jemalloc puts every block on pages of its own, at an offset that is a
// multiple of 64.
constexpr int64_t kLargeSize = 16 << 10;

// Any alignment flag makes jemalloc bypass the thread's cache for large blocks, although all of
// them are aligned to 64.
void* AllocateBlock(int64_t size, int64_t alignment) {
  if (size >= kLargeSize && alignment <= kDefaultBufferAlignment) {
    void* const block = je_alkaid_mallocx(static_cast<size_t>(size), 0);
    if (reinterpret_cast<uintptr_t>(block) % kDefaultBufferAlignment == 0) [[likely]]
      return block;
    je_alkaid_dallocx(block, 0);
  }
  return je_alkaid_mallocx(static_cast<size_t>(size), AlignmentFlag(alignment));
}

class JemallocAllocator {
 public:
  static Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) {
    void* const block = AllocateBlock(size, alignment);
    if (block == nullptr) [[unlikely]] {
      return internal::AllocatorRefused("allocate", "jemalloc", size, alignment);
    }
    *out = static_cast<uint8_t*>(block);
    return absl::OkStatus();
  }

  // Not inlined: users look for this frame in stack traces, and its work takes far longer than a
  // call.
  [[gnu::noinline]] static Status ReallocateAligned(int64_t /*old_size*/, int64_t new_size,
                                                    int64_t alignment, uint8_t** ptr) {
    void* const block =
        je_alkaid_rallocx(*ptr, static_cast<size_t>(new_size), AlignmentFlag(alignment));
    if (block == nullptr) [[unlikely]] {
      return internal::AllocatorRefused("reallocate to", "jemalloc", new_size, alignment);
    }
    *ptr = static_cast<uint8_t*>(block);
    return absl::OkStatus();
  }

  static void DeallocateAligned(uint8_t* ptr, int64_t /*size*/, int64_t /*alignment*/) {
    je_alkaid_dallocx(ptr, 0);
  }

  // How much the debug mode guards.
  static int64_t UsableSize(const uint8_t* ptr) {
    return static_cast<int64_t>(je_alkaid_sallocx(ptr, 0));
  }

  static void ReleaseUnused() {
    // 4096 is MALLCTL_ARENAS_ALL of jemalloc 5.
    je_alkaid_mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);
  }

  static void PrintStats() { je_alkaid_malloc_stats_print(nullptr, nullptr, "ax"); }

  static std::string name() { return "jemalloc"; }
};

}  // namespace

namespace internal {

std::unique_ptr<MemoryPool> MakeJemallocPool(const GuardedSampling& sampling) {
  return MakePool<JemallocAllocator>(sampling);
}

std::string JemallocVersion() {
  return absl::StrCat("jemalloc ", JEMALLOC_VERSION_MAJOR, ".", JEMALLOC_VERSION_MINOR, ".",
                      JEMALLOC_VERSION_BUGFIX);
}

}  // namespace internal
}  // namespace alkaid
