// The backend over the C library's allocator.

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "alkaid/core/pools/memory_pool_backends_internal.h"

namespace alkaid {
namespace {

void* ByPosixMemalign(size_t alignment, size_t size) {
  void* block = nullptr;
  return posix_memalign(&block, std::max(alignment, sizeof(void*)), size) == 0 ? block : nullptr;
}

// Not posix_memalign, which does the same and takes 2 ns longer because it returns the block
// through memory; and not aligned_alloc, for which the sanitizers and Scudo require a size that is
// a multiple of the alignment. But the blocks must come from the malloc that free belongs to, and
// malloc tools such as heaptrack do not replace memalign. If memalign is not from the library of
// free, and posix_memalign is, that is called.
using AlignedFunction = void*(size_t alignment, size_t size);
constinit AlignedFunction* aligned_block = memalign;

const void* LibraryOf(const char* function) {
  Dl_info info = {};
  void* const address = dlsym(RTLD_DEFAULT, function);
  return address != nullptr && dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

// At load time: a forked child must not ask the dynamic linker.
// realloc would lose the alignment, so a block that no longer fits is copied. The block's true size
// counts, not the last requested one: shrinking in many small steps must give memory back too.
[[gnu::constructor]] void ChooseAlignedBlock() {
  const void* const library = LibraryOf("free");
  if (LibraryOf("memalign") != library && LibraryOf("posix_memalign") == library) {
    aligned_block = ByPosixMemalign;
  }
}

class SystemAllocator {
 public:
  static Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) {
    void* const block = aligned_block(static_cast<size_t>(alignment), static_cast<size_t>(size));
    if (block == nullptr) [[unlikely]] {
      return internal::AllocatorRefused("allocate", "the system allocator", size, alignment);
    }
    *out = static_cast<uint8_t*>(block);
    return absl::OkStatus();
  }

  static Status ReallocateAligned(int64_t old_size, int64_t new_size, int64_t alignment,
                                  uint8_t** ptr) {
    // realloc would forget the alignment, so a block that does not fit any more is copied. The
    // block's true size counts, not the one last asked for: shrinking in many small steps must give
    // memory back too.
    const auto usable = static_cast<int64_t>(malloc_usable_size(*ptr));
    if (new_size <= old_size && new_size >= usable / 2) return absl::OkStatus();
    uint8_t* block = nullptr;
    ALKAID_RETURN_NOT_OK(AllocateAligned(new_size, alignment, &block));
    std::memcpy(block, *ptr, static_cast<size_t>(std::min(old_size, new_size)));
    std::free(*ptr);
    *ptr = block;
    return absl::OkStatus();
  }

  static void DeallocateAligned(uint8_t* ptr, int64_t /*size*/, int64_t /*alignment*/) {
    std::free(ptr);
  }

  // How much the debug mode guards.
  static int64_t UsableSize(uint8_t* ptr) { return static_cast<int64_t>(malloc_usable_size(ptr)); }

  static void ReleaseUnused() { malloc_trim(0); }

  static void PrintStats() {
    const struct mallinfo2 info = mallinfo2();
    std::fprintf(
        stderr,
        "glibc malloc (whole process): %zu bytes in use, %zu bytes free in its arenas, "
        "%zu bytes in %zu mapped blocks, %zu bytes of arenas, %zu bytes could be trimmed\n",
        info.uordblks, info.fordblks, info.hblkhd, info.hblks, info.arena, info.keepcost);
  }

  static std::string name() { return "system"; }
};

}  // namespace

namespace internal {

std::unique_ptr<MemoryPool> MakeSystemPool(const GuardedSampling& sampling) {
  return MakePool<SystemAllocator>(sampling);
}

std::string SystemAllocatorVersion() { return absl::StrCat("glibc ", gnu_get_libc_version()); }

}  // namespace internal
}  // namespace alkaid
