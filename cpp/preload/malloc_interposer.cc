// libalkaid_malloc.so: the C library's malloc, watched.
//
// `alkaid run --track` preloads it. Each function does what the C library's own does, through the
// names under which that exports it, and tells libalkaid.so. operator new and delete are not here:
// the C++ library's call malloc and free, so they are seen, once, and their frames show who they
// are.
//
// Ownership: as the C library's. Threads: as the C library's. Out of memory: as the C library's; a
// block that can not be recorded is a block all the same.

#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "alkaid/heap/tracking/malloc_events_internal.h"

extern "C" {

// Of glibc, in all its versions.
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* ptr, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* ptr);

}  // extern "C"

namespace {

// Inline, since what calls the library has to be the function that the program called.
[[gnu::always_inline]] inline void* Align(size_t alignment, size_t size) {
  void* const block = __libc_memalign(alignment, size);
  if (block != nullptr) alkaid_track_malloc(block, size);
  return block;
}

[[gnu::always_inline]] inline void* Reallocate(void* ptr, size_t size) {
  if (ptr == nullptr) {
    void* const block = __libc_malloc(size);
    if (block != nullptr) alkaid_track_malloc(block, size);
    return block;
  }
  alignas(16) char move[alkaid::heap::kMallocMoveBytes];
  alkaid_track_moving(move, ptr);
  void* const block = __libc_realloc(ptr, size);
  if (block == nullptr && size == 0) {
    alkaid_track_gone(move);
  } else {
    alkaid_track_moved(move, block, size);
  }
  return block;
}

}  // namespace

extern "C" {

ALKAID_EXPORT void* malloc(size_t size) {
  void* const block = __libc_malloc(size);
  if (block != nullptr) alkaid_track_malloc(block, size);
  return block;
}

ALKAID_EXPORT void* calloc(size_t count, size_t size) {
  void* const block = __libc_calloc(count, size);
  if (block != nullptr) alkaid_track_malloc(block, count * size);
  return block;
}

ALKAID_EXPORT void free(void* ptr) {
  if (ptr == nullptr) return;
  // Before the block is given back: from then on it may be another thread's.
  alkaid_track_free(ptr);
  __libc_free(ptr);
}

ALKAID_EXPORT void* realloc(void* ptr, size_t size) { return Reallocate(ptr, size); }

ALKAID_EXPORT void* reallocarray(void* ptr, size_t count, size_t size) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return Reallocate(ptr, bytes);
}

ALKAID_EXPORT void* memalign(size_t alignment, size_t size) { return Align(alignment, size); }

ALKAID_EXPORT void* aligned_alloc(size_t alignment, size_t size) { return Align(alignment, size); }

ALKAID_EXPORT int posix_memalign(void** out, size_t alignment, size_t size) {
  const bool valid = alignment >= sizeof(void*) && (alignment & (alignment - 1)) == 0;
  if (!valid) return EINVAL;
  const int kept = errno;
  void* const block = __libc_memalign(alignment, size);
  errno = kept;
  if (block == nullptr) return ENOMEM;
  alkaid_track_malloc(block, size);
  *out = block;
  return 0;
}

ALKAID_EXPORT void* valloc(size_t size) { return Align(static_cast<size_t>(getpagesize()), size); }

ALKAID_EXPORT void* pvalloc(size_t size) {
  const auto page = static_cast<size_t>(getpagesize());
  size_t rounded = 0;
  if (__builtin_add_overflow(size, page - 1, &rounded)) {
    errno = ENOMEM;
    return nullptr;
  }
  return Align(page, rounded & ~(page - 1));
}

}  // extern "C"
