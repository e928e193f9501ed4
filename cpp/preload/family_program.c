/* Keeps one block of each function that allocates, of 700,001 bytes and up, in the order in which they
   stand here, and gives back others, of 800,000 and more, by each function that frees.

   For tests of what takes malloc's place: it prints "ok" where each function did what it says. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* operator new and delete of C++. */
void* _Znwm(size_t size);
void* _Znam(size_t size);
void* _ZnwmSt11align_val_t(size_t size, size_t alignment);
void _ZdlPv(void* block);
void _ZdaPv(void* block);
void _ZdlPvm(void* block, size_t size);
void _ZdlPvmSt11align_val_t(void* block, size_t size, size_t alignment);

static int kept;
static int bad;
static void* volatile keep[32];

static void keep_block(void* block, size_t alignment) {
  const size_t size = 700001 + (size_t)kept;
  if (block == NULL || (uintptr_t)block % alignment != 0 || malloc_usable_size(block) < size) ++bad;
  if (block != NULL) memset(block, 7, size);
  keep[kept++] = block;
}

#define SIZE (700001 + (size_t)kept)

int main(void) {
  void* block = NULL;
  keep_block(malloc(SIZE), 16);
  keep_block(calloc(1, SIZE), 16);
  keep_block(realloc(NULL, SIZE), 16);
  keep_block(realloc(malloc(800000), SIZE), 16);
  keep_block(reallocarray(malloc(800001), 1, SIZE), 16);
  keep_block(memalign(256, SIZE), 256);
  keep_block(aligned_alloc(64, SIZE), 64);
  if (posix_memalign(&block, 4096, SIZE) != 0) ++bad;
  keep_block(block, 4096);
  keep_block(valloc(SIZE), 4096);
  keep_block(_Znwm(SIZE), 16);
  keep_block(_Znam(SIZE), 16);

  free(malloc(800002));
  free(calloc(2, 400003));
  free(memalign(64, 800004));
  free(pvalloc(800005));
  free(realloc(malloc(10), 800006));
  _ZdlPv(_Znwm(800007));
  _ZdaPv(_Znam(800008));
  _ZdlPvm(_Znwm(800009), 800009);
  _ZdlPvmSt11align_val_t(_ZnwmSt11align_val_t(800010, 64), 800010, 64);
  block = realloc(malloc(800011), 800012);
  free(block);
  puts(bad == 0 ? "ok" : "not ok");
  return 0;
}
