// libalkaid_malloc.so: the program's malloc, watched.
//
// `alkaid run --track` preloads it. Each function calls the next definition in the search order
// (next_allocator_internal.h), and notifies libalkaid.so. The next definition is the C library's
// malloc, or an allocator that the program links or preloads.
//
// Ownership, threads, out of memory: as the next allocator's. A block that cannot be recorded is
// still a valid block.

#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "alkaid/heap/tracking/malloc_events_internal.h"
#include "preload/next_allocator_internal.h"

namespace {

using alkaid::heap::preload::AllocateFromStore;
using alkaid::heap::preload::InNextAllocator;
using alkaid::heap::preload::IsFromStore;
using alkaid::heap::preload::Next;
using alkaid::heap::preload::next_allocator;
using alkaid::heap::preload::NextAllocator;
using alkaid::heap::preload::SizeInStore;

// These are inline: the library must be called by the very function that the program called.

// `allocate(next)` returns a block of `size` bytes, or null.
template <typename Allocate>
[[gnu::always_inline]] inline void* Allocated(size_t size, size_t alignment, Allocate allocate) {
  const NextAllocator* const next = Next();
  if (next == nullptr) [[unlikely]]
    return AllocateFromStore(size, alignment);
  const InNextAllocator call;
  void* const block = allocate(*next);
  if (block != nullptr && call.outermost()) alkaid_track_malloc(block, size);
  return block;
}

// `release(next)` frees the block.
template <typename Release>
[[gnu::always_inline]] inline void Freed(void* ptr, Release release) {
  if (ptr == nullptr || IsFromStore(ptr)) return;
  const NextAllocator* const next = Next();
  if (next == nullptr) [[unlikely]]
    return;
  // Before the block is freed: from then on it may be another thread's.
  alkaid_track_free(ptr);
  const InNextAllocator call;
  release(*next);
}

// `reallocate(next)` resizes the block to `size` bytes; it may move.
template <typename Reallocate>
[[gnu::always_inline]] inline void* Reallocated(void* ptr, size_t size, Reallocate reallocate) {
  if (ptr == nullptr) {
    return Allocated(size, 0, [&](const NextAllocator&) { return reallocate(*Next()); });
  }
  const NextAllocator* const next = Next();
  if (next == nullptr || IsFromStore(ptr)) [[unlikely]] {
    void* const block = next == nullptr ? AllocateFromStore(size, 0) : next->malloc(size);
    const size_t old_size = malloc_usable_size(ptr);
    if (block != nullptr) std::memcpy(block, ptr, old_size < size ? old_size : size);
    return block;
  }
  const InNextAllocator call;
  if (!call.outermost()) return reallocate(*next);
  alignas(16) char move[alkaid::heap::kMallocMoveBytes];
  alkaid_track_moving(move, ptr);
  void* const block = reallocate(*next);
  if (block == nullptr && size == 0) {
    alkaid_track_gone(move);
  } else {
    alkaid_track_moved(move, block, size);
  }
  return block;
}

// Flags of jemalloc's own functions.
constexpr int kZero = 0x40;
constexpr size_t AlignmentIn(int flags) { return size_t{1} << (flags & 0x3f); }

}  // namespace

extern "C" {

ALKAID_EXPORT void* malloc(size_t size) {
  return Allocated(size, 0, [=](const NextAllocator& next) { return next.malloc(size); });
}

ALKAID_EXPORT void* calloc(size_t count, size_t size) {
  // If the product overflows, null is returned.
  return Allocated(count * size, 0,
                   [=](const NextAllocator& next) { return next.calloc(count, size); });
}

ALKAID_EXPORT void free(void* ptr) {
  Freed(ptr, [=](const NextAllocator& next) { next.free(ptr); });
}

// For programs that were linked with a C library before 2.26.
ALKAID_EXPORT void cfree(void* ptr) {
  Freed(ptr, [=](const NextAllocator& next) { next.free(ptr); });
}

// From C23, if the C library or the allocator has them.
ALKAID_EXPORT void free_sized(void* ptr, size_t size) {
  Freed(ptr, [=](const NextAllocator& next) {
    next.free_sized != nullptr ? next.free_sized(ptr, size) : next.free(ptr);
  });
}
ALKAID_EXPORT void free_aligned_sized(void* ptr, size_t alignment, size_t size) {
  Freed(ptr, [=](const NextAllocator& next) {
    next.free_aligned_sized != nullptr ? next.free_aligned_sized(ptr, alignment, size)
                                       : next.free(ptr);
  });
}

ALKAID_EXPORT void* realloc(void* ptr, size_t size) {
  return Reallocated(ptr, size, [=](const NextAllocator& next) { return next.realloc(ptr, size); });
}

ALKAID_EXPORT void* reallocarray(void* ptr, size_t count, size_t size) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return Reallocated(ptr, bytes,
                     [=](const NextAllocator& next) { return next.realloc(ptr, bytes); });
}

ALKAID_EXPORT void* memalign(size_t alignment, size_t size) {
  return Allocated(size, alignment,
                   [=](const NextAllocator& next) { return next.memalign(alignment, size); });
}

ALKAID_EXPORT void* aligned_alloc(size_t alignment, size_t size) {
  return Allocated(size, alignment,
                   [=](const NextAllocator& next) { return next.aligned_alloc(alignment, size); });
}

ALKAID_EXPORT int posix_memalign(void** out, size_t alignment, size_t size) {
  const bool valid = alignment >= sizeof(void*) && (alignment & (alignment - 1)) == 0;
  if (!valid) return EINVAL;
  const int kept = errno;
  int error = 0;
  void* const block = Allocated(size, alignment, [&](const NextAllocator& next) {
    void* given = nullptr;
    error = next.posix_memalign(&given, alignment, size);
    return error == 0 ? given : nullptr;
  });
  errno = kept;
  if (block == nullptr) return error != 0 ? error : ENOMEM;
  *out = block;
  return 0;
}

ALKAID_EXPORT void* valloc(size_t size) {
  return Allocated(size, 4096, [=](const NextAllocator& next) { return next.valloc(size); });
}

ALKAID_EXPORT void* pvalloc(size_t size) {
  const auto page = static_cast<size_t>(getpagesize());
  size_t rounded = 0;
  if (__builtin_add_overflow(size, page - 1, &rounded)) {
    errno = ENOMEM;
    return nullptr;
  }
  rounded &= ~(page - 1);
  return Allocated(rounded, page, [=](const NextAllocator& next) {
    return next.pvalloc != nullptr ? next.pvalloc(size) : next.memalign(page, rounded);
  });
}

ALKAID_EXPORT size_t malloc_usable_size(void* ptr) {
  if (ptr == nullptr) return 0;
  if (IsFromStore(ptr)) return SizeInStore(ptr);
  // The functions are known if a block exists; this one only reads.
  return next_allocator.malloc_usable_size(ptr);
}

// jemalloc's own functions, which share malloc's blocks. If the next allocator is another one, its
// functions do the same work.
ALKAID_EXPORT void* mallocx(size_t size, int flags) {
  return Allocated(size, AlignmentIn(flags), [=](const NextAllocator& next) {
    if (next.mallocx != nullptr) return next.mallocx(size, flags);
    void* const block = next.memalign(AlignmentIn(flags), size);
    if (block != nullptr && (flags & kZero) != 0) std::memset(block, 0, size);
    return block;
  });
}

ALKAID_EXPORT void* rallocx(void* ptr, size_t size, int flags) {
  return Reallocated(ptr, size, [=](const NextAllocator& next) {
    return next.rallocx != nullptr ? next.rallocx(ptr, size, flags) : next.realloc(ptr, size);
  });
}

ALKAID_EXPORT size_t xallocx(void* ptr, size_t size, size_t extra, int flags) {
  const NextAllocator* const next = Next();
  if (next == nullptr || next->xallocx == nullptr) return malloc_usable_size(ptr);
  alignas(16) char move[alkaid::heap::kMallocMoveBytes];
  const InNextAllocator call;
  alkaid_track_moving(move, ptr);
  const size_t usable = next->xallocx(ptr, size, extra, flags);
  // If it is smaller than requested, the block stayed as it was.
  alkaid_track_moved(move, usable >= size ? ptr : nullptr, size);
  return usable;
}

ALKAID_EXPORT void dallocx(void* ptr, int flags) {
  Freed(ptr, [=](const NextAllocator& next) {
    next.dallocx != nullptr ? next.dallocx(ptr, flags) : next.free(ptr);
  });
}

ALKAID_EXPORT void sdallocx(void* ptr, size_t size, int flags) {
  Freed(ptr, [=](const NextAllocator& next) {
    next.sdallocx != nullptr ? next.sdallocx(ptr, size, flags) : next.free(ptr);
  });
}

}  // extern "C"
