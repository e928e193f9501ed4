/* A program that never heard of Alkaid and links nothing but the C library. For tests it looks, as a
   reader from outside would, whether somebody keeps a table of its allocations.

   Prints "not tracked", or "tracked" and whether the table lists a block of its own; with an
   argument, exits with that number. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The layout of version 1, by offsets (alkaid/heap/tracking/heap_layout.h). */
static uint64_t word(const char* at) {
  uint64_t value;
  memcpy(&value, at, sizeof(value));
  return value;
}

static uint32_t half(const char* at) {
  uint32_t value;
  memcpy(&value, at, sizeof(value));
  return value;
}

/* The size that the table has for the block at `address`, or -1. */
static long long listed_size(const char* root, uint64_t address) {
  const char* shard = (const char*)word(root + 64);
  const uint32_t shards = half(root + 72);
  const uint32_t shard_size = half(root + 76);
  const uint32_t record_size = half(root + 80);
  for (uint32_t s = 0; s < shards; ++s, shard += shard_size) {
    const char* const array = (const char*)word(shard + 8);
    if (array == NULL) continue;
    const char* record = array + word(array + 8);
    for (uint64_t i = 0; i < word(array); ++i, record += record_size) {
      if (word(record) == address) return (long long)word(record + 8);
    }
  }
  return -1;
}

int main(int argc, char** argv) {
  char* const block = malloc(12345);
  if (block == NULL) return 1;
  const char* const root = dlsym(RTLD_DEFAULT, "alkaid_heap_root");
  if (root == NULL || half(root + 16) == 0) {
    puts("not tracked");
  } else if (strcmp(root, "ALKHEAP") != 0 || half(root + 8) != 1) {
    puts("tracked, in a layout that is not known");
  } else {
    const uint64_t address = (uint64_t)(uintptr_t)block;
    const long long live = listed_size(root, address);
    free(block);
    printf("tracked, listed with %lld bytes, then %lld\n", live, listed_size(root, address));
  }
  return argc > 1 ? atoi(argv[1]) : 0;
}
