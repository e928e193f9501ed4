/* An allocator of its own, as jemalloc is one, for tests: it replaces the C library's malloc and the
   C++ library's operator new, and aborts where it gets a block that it did not make.

   It lacks pvalloc and reallocarray, as some do, and gives nothing back. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define OUT __attribute__((visibility("default")))
#define MAGIC 0x6b6f6f6c20746f6eul

struct head {
  size_t size;
  uint64_t magic;
};

static char* arena;
static size_t used;
#define ARENA_BYTES ((size_t)1 << 30)

static void* take(size_t alignment, size_t size) {
  if (size > ARENA_BYTES / 4) return NULL;
  char* start = __atomic_load_n(&arena, __ATOMIC_ACQUIRE);
  if (start == NULL) {
    char* const mapped = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return NULL;
    if (__atomic_compare_exchange_n(&arena, &start, mapped, 0, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
      start = mapped;
    } else {
      munmap(mapped, ARENA_BYTES);
    }
  }
  if (alignment < sizeof(struct head)) alignment = sizeof(struct head);
  const size_t bytes = sizeof(struct head) + alignment + (size + 15) / 16 * 16;
  const size_t at = __atomic_fetch_add(&used, bytes, __ATOMIC_RELAXED);
  if (at + bytes > ARENA_BYTES) return NULL;
  const uintptr_t place =
      ((uintptr_t)(start + at) + sizeof(struct head) + alignment - 1) / alignment * alignment;
  struct head* const head = (struct head*)place - 1;
  head->size = size;
  head->magic = MAGIC;
  return (void*)place;
}

static struct head* head_of(void* block) {
  struct head* const head = (struct head*)block - 1;
  if ((char*)block < arena || (char*)block >= arena + ARENA_BYTES || head->magic != MAGIC) abort();
  return head;
}

OUT void* malloc(size_t size) { return take(16, size); }
OUT void* calloc(size_t count, size_t size) { return take(16, count * size); }
OUT void free(void* block) {
  if (block != NULL) head_of(block)->magic = 0;
}
OUT void* realloc(void* block, size_t size) {
  void* const moved = take(16, size);
  if (block == NULL || moved == NULL) return moved;
  const size_t old = head_of(block)->size;
  memcpy(moved, block, old < size ? old : size);
  free(block); /* through the program's own free, as some allocators do */
  return moved;
}
OUT void* memalign(size_t alignment, size_t size) { return take(alignment, size); }
OUT void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
OUT int posix_memalign(void** block, size_t alignment, size_t size) {
  *block = memalign(alignment, size);
  return *block == NULL ? 12 : 0;
}
OUT void* valloc(size_t size) { return memalign(4096, size); }
OUT size_t malloc_usable_size(void* block) { return block == NULL ? 0 : head_of(block)->size; }

/* operator new and delete of C++. */
OUT void* _Znwm(size_t size) { return take(16, size); }
OUT void* _Znam(size_t size) { return malloc(size); }
OUT void* _ZnwmSt11align_val_t(size_t size, size_t alignment) { return take(alignment, size); }
OUT void _ZdlPv(void* block) {
  if (block != NULL) head_of(block)->magic = 0;
}
OUT void _ZdaPv(void* block) { free(block); }
OUT void _ZdlPvm(void* block, size_t size) {
  if (block != NULL && head_of(block)->size != size) abort();
  _ZdlPv(block);
}
OUT void _ZdlPvmSt11align_val_t(void* block, size_t size, size_t alignment) {
  (void)alignment;
  _ZdlPvm(block, size);
}
