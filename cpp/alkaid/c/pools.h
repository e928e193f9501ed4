// Pools and labels of the C interface: the source of memory, and its purpose.
//
// Ownership, errors: alkaid.h. A pool lives as long as a handle or a block of it. Threads: all
// functions, from any thread. Units: bytes.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "alkaid/c/errors.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct alkaid_pool alkaid_pool;
// A list of texts.
typedef struct alkaid_strings alkaid_strings;

// The process-wide default pool, which ALKAID_DEFAULT_MEMORY_POOL chooses. As an argument, NULL
// always means this pool.
ALKAID_C_EXPORT alkaid_status alkaid_pool_default(alkaid_pool** out);
// A new pool over that backend ("system", "jemalloc", "mimalloc", or one that the program
// registered), with figures of its own. NULL means the default pool's backend. ALKAID_NOT_FOUND
// names the available backends.
ALKAID_C_EXPORT alkaid_status alkaid_pool_create(const char* backend, alkaid_pool** out);
// The backends of this build and those registered so far, in the order in which the default is
// looked for.
ALKAID_C_EXPORT alkaid_status alkaid_pool_backends(alkaid_strings** out);

// A pool with figures of its own over `below`.
ALKAID_C_EXPORT alkaid_status alkaid_pool_proxy(alkaid_pool* below, alkaid_pool** out);
// A pool that refuses requests that would take `below` past `limit` bytes, including what others
// hold there.
ALKAID_C_EXPORT alkaid_status alkaid_pool_capped(alkaid_pool* below, int64_t limit,
                                                 alkaid_pool** out);
// A pool that refuses requests that would take its own blocks past `limit` bytes.
ALKAID_C_EXPORT alkaid_status alkaid_pool_quota(alkaid_pool* below, int64_t limit,
                                                alkaid_pool** out);

ALKAID_C_EXPORT void alkaid_pool_retain(alkaid_pool* pool);
ALKAID_C_EXPORT void alkaid_pool_release(alkaid_pool* pool);

typedef struct alkaid_pool_figures {
  size_t struct_size;
  // Live bytes.
  int64_t bytes_allocated;
  // The highest so far; -1 if the pool does not know.
  int64_t max_memory;
  // Bytes ever allocated, and the number of allocations.
  int64_t total_bytes_allocated;
  int64_t num_allocations;
} alkaid_pool_figures;

// Fills the first `figures->struct_size` bytes; bytes past the members above become 0.
ALKAID_C_EXPORT alkaid_status alkaid_pool_get_figures(const alkaid_pool* pool,
                                                      alkaid_pool_figures* figures);
// Lives as long as the handle. NULL if `pool` is NULL.
ALKAID_C_EXPORT const char* alkaid_pool_backend_name(const alkaid_pool* pool);
// Asks the allocator to return its unused memory to the operating system. Can be slow.
ALKAID_C_EXPORT alkaid_status alkaid_pool_release_unused(alkaid_pool* pool);

// A plain block, not initialised. `alignment`: a power of two up to 2 MiB; 0 means 64. It must be
// freed through a handle of the same pool, with its size and alignment at that time.
ALKAID_C_EXPORT alkaid_status alkaid_pool_allocate(alkaid_pool* pool, int64_t size,
                                                   int64_t alignment, void** out);
// `*block` may move; on failure it stays.
ALKAID_C_EXPORT alkaid_status alkaid_pool_reallocate(alkaid_pool* pool, int64_t old_size,
                                                     int64_t new_size, int64_t alignment,
                                                     void** block);
// NULL is allowed for `block`. ALKAID_INVALID, and the block stays, for a size or alignment that no
// block can have; other wrong values are not detected.
ALKAID_C_EXPORT alkaid_status alkaid_pool_free(alkaid_pool* pool, void* block, int64_t size,
                                               int64_t alignment);

// -1 if `strings` is NULL.
ALKAID_C_EXPORT int64_t alkaid_strings_count(const alkaid_strings* strings);
// Lives as long as the list. NULL if `index` is not below the count.
ALKAID_C_EXPORT const char* alkaid_strings_get(const alkaid_strings* strings, int64_t index);
ALKAID_C_EXPORT void alkaid_strings_release(alkaid_strings* strings);

// Labels what this thread allocates from now on as `name`, until alkaid_label_pop(*outer); pushes
// and pops nest. Use few names, since they are kept for ever. A name is cut to 255 bytes.
ALKAID_C_EXPORT alkaid_status alkaid_label_push(const char* name, uint32_t* outer);
// Goes back to the label that a push on this thread returned. ALKAID_INVALID if it is not one.
ALKAID_C_EXPORT alkaid_status alkaid_label_pop(uint32_t outer);
// This thread's label; "" if there is none. Lives as long as the library.
ALKAID_C_EXPORT const char* alkaid_label_current(void);

#ifdef __cplusplus
}
#endif
