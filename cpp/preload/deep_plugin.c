/* A plug-in that allocates and frees, for tests: it is loaded with RTLD_DEEPBIND and so finds the C
   library's functions before those of what is preloaded. */
#include <stdlib.h>
#include <string.h>

void release(void* block) { free(block); }
void* make(size_t size) { return malloc(size); }
void* grow(void* block, size_t size) { return realloc(block, size); }

/* References that stand in data, and in data that is read-only once the library is loaded. */
void* (*make_by_data)(size_t size) = malloc;
void (*const release_by_constant[])(void* block) = {free};
void* make_elsewhere(size_t size) { return make_by_data(size); }
void release_elsewhere(void* block) { release_by_constant[0](block); }
