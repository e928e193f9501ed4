// The backend over the library's own copy of mimalloc. Keeps to what mimalloc 2 and 3 both offer.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "alkaid/base/notice_internal.h"
#include "alkaid/core/pools/memory_pool_backends_internal.h"
#include "alkaid/core/pools/mimalloc_gate_internal.h"

namespace alkaid {
namespace {

// mimalloc assumes that blocks whose size is a power of two are aligned to that size, and hands
// them out unchecked. In 2.0.9 those of 256 to 1024 bytes are not: they follow one another in a
// page that begins at no multiple of them. Every block is therefore checked here, whatever version
// is linked, and a misaligned one is requested again with another size.
bool IsAligned(const void* block, int64_t alignment) {
  return (reinterpret_cast<uintptr_t>(block) & static_cast<uintptr_t>(alignment - 1)) == 0;
}

// mimalloc's own report, passed on to stderr line by line. As it is built here it counts some
// things when they go but not when they come. A line with a figure below zero has no meaning, and
// is left out by name. Allocates nothing, so that a report is possible when memory is short.
class MimallocReport {
 public:
  void Add(const char* text) {
    for (; *text != '\0'; ++text) {
      line_[length_++] = *text;
      if (*text == '\n' || length_ == sizeof(line_) - 1) EndLine();
    }
  }

  void End() {
    EndLine();
    if (left_out_[0] == '\0') return;
    std::fprintf(stderr, "  left out, as mimalloc counts them below zero:%s\n", left_out_);
  }

 private:
  void EndLine() {
    line_[length_] = '\0';
    length_ = 0;
    if (!HasNegative()) {
      std::fputs(line_, stderr);
      return;
    }
    const char* const name = line_ + std::strspn(line_, " -");
    const size_t used = std::strlen(left_out_);
    std::snprintf(left_out_ + used, sizeof(left_out_) - used, " %.*s",
                  static_cast<int>(std::strcspn(name, ":\n")), name);
  }

  // A minus sign before a digit; one before a letter belongs to a name.
  bool HasNegative() const {
    for (const char* at = std::strchr(line_, '-'); at != nullptr; at = std::strchr(at + 1, '-')) {
      if (at[1] >= '0' && at[1] <= '9' && (at == line_ || at[-1] == ' ')) return true;
    }
    return false;
  }

  char line_[512];
  size_t length_ = 0;
  char left_out_[256] = "";
};

class MimallocAllocator {
 public:
  static Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) {
    void* const block = Malloc(size, alignment);
    if (block == nullptr || !IsAligned(block, alignment)) [[unlikely]] {
      return AllocateOtherwise(block, size, alignment, out);
    }
    *out = static_cast<uint8_t*>(block);
    return absl::OkStatus();
  }

  // On failure the block must stay as it was, but mi_realloc_aligned frees it before its successor
  // can be checked. For more than the default alignment it is called only if it leaves the block in
  // place. A block that has to move is allocated, checked and copied here, as mimalloc would do.
  //
  // Not inlined: users look for this frame in stack traces, and its work takes far longer than a
  // call.
  [[gnu::noinline]] static Status ReallocateAligned(int64_t old_size, int64_t new_size,
                                                    int64_t alignment, uint8_t** ptr) {
    if (alignment > kDefaultBufferAlignment && !StaysInPlace(*ptr, new_size)) {
      return Move(std::min(old_size, new_size), new_size, alignment, ptr);
    }
    void* const block = internal::CallMimalloc([=] {
      return mi_realloc_aligned(*ptr, static_cast<size_t>(new_size),
                                static_cast<size_t>(alignment));
    });
    if (block == nullptr) [[unlikely]] {
      return internal::AllocatorRefused("reallocate to", "mimalloc", new_size, alignment);
    }
    *ptr = static_cast<uint8_t*>(block);
    if (!IsAligned(block, alignment)) [[unlikely]] {
      Realign(std::min(old_size, new_size), new_size, alignment, ptr);
    }
    return absl::OkStatus();
  }

  static void DeallocateAligned(uint8_t* ptr, int64_t /*size*/, int64_t /*alignment*/) {
    Free(ptr);
  }

  // How much the debug mode guards.
  static int64_t UsableSize(const uint8_t* ptr) {
    return static_cast<int64_t>(mi_usable_size(ptr));
  }

  static void ReleaseUnused() {
    internal::CallMimalloc([] { mi_collect(/*force=*/true); });
  }

  static void PrintStats() {
#if MI_MALLOC_VERSION <= 301  // later versions at most declare the function
    mi_stats_merge();
#endif
    MimallocReport report;
    std::fputs(
        "mimalloc (whole process), as it counts; what is \"not all freed!\" is in use now:\n",
        stderr);
    internal::CallMimalloc([&report] {
      mi_stats_print_out(
          [](const char* text, void* to) { static_cast<MimallocReport*>(to)->Add(text); }, &report);
    });
    report.End();
  }

  static std::string name() { return "mimalloc"; }

 private:
  static void* Malloc(int64_t size, int64_t alignment) {
    return internal::CallMimalloc([=] {
      return mi_malloc_aligned(static_cast<size_t>(size), static_cast<size_t>(alignment));
    });
  }

  // Not mi_free_aligned, which inlines mi_free: a probe on mi_free must see every block.
  static void Free(void* block) {
    internal::CallMimalloc([block] { mi_free(block); });
  }

  // The rare rest of AllocateAligned: `block` is null or misaligned. One byte more than a power of
  // two is not a power of two, so mimalloc checks the address. It is the same function, so that a
  // probe on it sees this block too.
  [[gnu::noinline, gnu::cold]] static Status AllocateOtherwise(void* block, int64_t size,
                                                               int64_t alignment, uint8_t** out) {
    if (block == nullptr) {
      return internal::AllocatorRefused("allocate", "mimalloc", size, alignment);
    }
    Free(block);
    block = Malloc(size + 1, alignment);
    if (block == nullptr) {
      return internal::AllocatorRefused("allocate", "mimalloc", size, alignment);
    }
    if (!IsAligned(block, alignment)) {
      Free(block);
      return status::OutOfMemory("allocate ", size, " bytes aligned to ", alignment,
                                 ": mimalloc gave misaligned blocks, also for ", size + 1,
                                 " bytes");
    }
    *out = static_cast<uint8_t*>(block);
    return absl::OkStatus();
  }

  // Whether mi_realloc_aligned leaves a block in place. Its rule: the new size fits and fills at
  // least half.
  static bool StaysInPlace(const uint8_t* block, int64_t new_size) {
    const auto usable = static_cast<int64_t>(mi_usable_size(block));
    return new_size <= usable && new_size >= usable - usable / 2;
  }

  static Status Move(int64_t kept, int64_t new_size, int64_t alignment, uint8_t** ptr) {
    uint8_t* block = nullptr;
    ALKAID_RETURN_NOT_OK(AllocateAligned(new_size, alignment, &block));
    std::memcpy(block, *ptr, static_cast<size_t>(kept));
    Free(*ptr);
    *ptr = block;
    return absl::OkStatus();
  }

  // mi_realloc_aligned has moved the block to a misaligned address; no known version does. The old
  // block is gone. If there is no memory for a better one, neither success nor failure would keep
  // the promise to the caller, so the program ends here and not where it uses the block.
  [[gnu::noinline, gnu::cold]] static void Realign(int64_t kept, int64_t new_size,
                                                   int64_t alignment, uint8_t** ptr) {
    const Status moved = Move(kept, new_size, alignment, ptr);
    if (moved.ok()) return;
    internal::Notice("mimalloc reallocated to a misaligned block: ", internal::MessageIn(moved));
    std::abort();
  }
};

// Before mimalloc's own constructor makes a key, so that a thread's part of mimalloc ends inside the
// gate; its own destructor then finds nothing to do.
[[maybe_unused, gnu::constructor(101)]] void BuildGate() {
  if constexpr (internal::kMimallocNeedsGate) internal::AllocatorGate::Build(mi_thread_done);
}

}  // namespace

namespace internal {

std::unique_ptr<MemoryPool> MakeMimallocPool(const GuardedSampling& sampling) {
  return MakePool<MimallocAllocator>(sampling);
}

std::string MimallocVersion() {
  // One digit per part in older versions (209 is 2.0.9), two in newer ones (30401 is 3.4.1).
  const int v = mi_version();
  if (v < 1000) return absl::StrCat("mimalloc ", v / 100, ".", v / 10 % 10, ".", v % 10);
  return absl::StrCat("mimalloc ", v / 10000, ".", v / 100 % 100, ".", v % 100);
}

}  // namespace internal
}  // namespace alkaid
