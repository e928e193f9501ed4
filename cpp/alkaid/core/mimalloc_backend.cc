// The backend over the library's own copy of mimalloc. Keeps to what mimalloc 2 and 3 both offer.

#include <mimalloc.h>

#include <cstdio>

#include "alkaid/core/memory_pool_backends_internal.h"

namespace alkaid {
namespace {

class MimallocAllocator {
 public:
  static Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) {
    void* const block =
        mi_malloc_aligned(static_cast<size_t>(size), static_cast<size_t>(alignment));
    if (block == nullptr) [[unlikely]] {
      return internal::AllocatorRefused("allocate", "mimalloc", size, alignment);
    }
    *out = static_cast<uint8_t*>(block);
    return absl::OkStatus();
  }

  // Not inlined: users look for this frame in back-traces, and what it does takes far longer than a
  // call.
  [[gnu::noinline]] static Status ReallocateAligned(int64_t /*old_size*/, int64_t new_size,
                                                    int64_t alignment, uint8_t** ptr) {
    void* const block =
        mi_realloc_aligned(*ptr, static_cast<size_t>(new_size), static_cast<size_t>(alignment));
    if (block == nullptr) [[unlikely]] {
      return internal::AllocatorRefused("reallocate to", "mimalloc", new_size, alignment);
    }
    *ptr = static_cast<uint8_t*>(block);
    return absl::OkStatus();
  }

  static void DeallocateAligned(uint8_t* ptr, int64_t /*size*/, int64_t /*alignment*/) {
    // Not mi_free_aligned, which inlines mi_free: a probe on mi_free is to see every block go.
    mi_free(ptr);
  }

  static void ReleaseUnused() { mi_collect(/*force=*/true); }

  static void PrintStats() {
    mi_stats_merge();
    mi_stats_print_out([](const char* text, void*) { std::fputs(text, stderr); }, nullptr);
  }

  static std::string name() { return "mimalloc"; }
};

}  // namespace

namespace internal {

std::unique_ptr<MemoryPool> MakeMimallocPool() { return MakePool<MimallocAllocator>(); }

std::string MimallocVersion() {
  // One digit a part in older versions (209 is 2.0.9), two in newer ones (30401 is 3.4.1).
  const int v = mi_version();
  if (v < 1000) return absl::StrCat("mimalloc ", v / 100, ".", v / 10 % 10, ".", v % 10);
  return absl::StrCat("mimalloc ", v / 10000, ".", v / 100 % 100, ".", v % 100);
}

}  // namespace internal
}  // namespace alkaid
