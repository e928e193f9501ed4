// Pools and labels of the C interface: where memory comes from, and what it is for.
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

// The process-wide default pool, which ALKAID_DEFAULT_MEMORY_POOL chooses. Wherever a pool is an
// argument, NULL is this one.
ALKAID_C_EXPORT alkaid_status alkaid_pool_default(alkaid_pool** out);
// A new pool over that backend ("system", "jemalloc", "mimalloc", or one that the program
// registered), with figures of its own; NULL is the backend of the default pool. ALKAID_NOT_FOUND
// names the backends that there are.
ALKAID_C_EXPORT alkaid_status alkaid_pool_create(const char* backend, alkaid_pool** out);
// The backends of this build and those registered so far, in the order in which the default is
// looked for.
ALKAID_C_EXPORT alkaid_status alkaid_pool_backends(alkaid_strings** out);

// A pool with figures of its own over `below`.
ALKAID_C_EXPORT alkaid_status alkaid_pool_proxy(alkaid_pool* below, alkaid_pool** out);
// A pool that refuses what would take `below` past `limit` bytes, with what others have there.
ALKAID_C_EXPORT alkaid_status alkaid_pool_capped(alkaid_pool* below, int64_t limit,
                                                 alkaid_pool** out);
// A pool that refuses what would take what goes through it past `limit` bytes.
ALKAID_C_EXPORT alkaid_status alkaid_pool_quota(alkaid_pool* below, int64_t limit,
                                                alkaid_pool** out);

ALKAID_C_EXPORT void alkaid_pool_retain(alkaid_pool* pool);
ALKAID_C_EXPORT void alkaid_pool_release(alkaid_pool* pool);

typedef struct alkaid_pool_figures {
  size_t struct_size;
  // Live now.
  int64_t bytes_allocated;
  // The highest so far; -1 where the pool does not know.
  int64_t max_memory;
  // Bytes ever allocated, and allocations.
  int64_t total_bytes_allocated;
  int64_t num_allocations;
} alkaid_pool_figures;

// Fills the first `figures->struct_size` bytes; what is beyond the members above becomes 0.
ALKAID_C_EXPORT alkaid_status alkaid_pool_get_figures(const alkaid_pool* pool,
                                                      alkaid_pool_figures* figures);
// Lives as long as the handle. NULL where `pool` is NULL.
ALKAID_C_EXPORT const char* alkaid_pool_backend_name(const alkaid_pool* pool);
// Asks the allocator to return what it holds in reserve to the operating system. Can be slow.
ALKAID_C_EXPORT alkaid_status alkaid_pool_release_unused(alkaid_pool* pool);

// A plain block, not initialised. `alignment`: a power of two to 2 MiB; 0 is 64. It is
// given back to a handle of the same pool, with the size and alignment that it has then.
ALKAID_C_EXPORT alkaid_status alkaid_pool_allocate(alkaid_pool* pool, int64_t size,
                                                   int64_t alignment, void** out);
// `*block` may move; where this fails it is as it was.
ALKAID_C_EXPORT alkaid_status alkaid_pool_reallocate(alkaid_pool* pool, int64_t old_size,
                                                     int64_t new_size, int64_t alignment,
                                                     void** block);
// NULL is fine for `block`. ALKAID_INVALID, and the block stays, for a size or an alignment that no
// block can have; others that are not the block's own are not found out.
ALKAID_C_EXPORT alkaid_status alkaid_pool_free(alkaid_pool* pool, void* block, int64_t size,
                                               int64_t alignment);

// -1 where `strings` is NULL.
ALKAID_C_EXPORT int64_t alkaid_strings_count(const alkaid_strings* strings);
// Lives as long as the list. NULL where `index` is not below the count.
ALKAID_C_EXPORT const char* alkaid_strings_get(const alkaid_strings* strings, int64_t index);
ALKAID_C_EXPORT void alkaid_strings_release(alkaid_strings* strings);

// What this thread allocates from now on carries the label `name`, until alkaid_label_pop(*outer):
// pushes and pops nest. Names are few and kept for ever; at most 255 bytes of one count.
ALKAID_C_EXPORT alkaid_status alkaid_label_push(const char* name, uint32_t* outer);
// Goes back to the label that a push on this thread gave out. ALKAID_INVALID where it is none.
ALKAID_C_EXPORT alkaid_status alkaid_label_pop(uint32_t outer);
// The label of this thread; "" where there is none. Lives as long as the library.
ALKAID_C_EXPORT const char* alkaid_label_current(void);

#ifdef __cplusplus
}
#endif
