// Buffers of the C interface: ranges of bytes, and what keeps them alive.
//
// A buffer is a root, which owns or borrows its bytes, or a slice, which keeps its root alive.
// Ownership, errors: alkaid.h. Threads: reading from any thread; the caller must synchronize
// resizing and writing. Units: bytes.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "alkaid/c/errors.h"
#include "alkaid/c/pools.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct alkaid_buffer alkaid_buffer;

// Allocates `size` bytes, writable and not initialised, from `pool` (NULL: the default).
// `alignment`: a power of two up to 2 MiB; 0 means 64.
ALKAID_C_EXPORT alkaid_status alkaid_buffer_allocate(int64_t size, int64_t alignment,
                                                     alkaid_pool* pool, alkaid_buffer** out);
// The same for a buffer that can grow and shrink.
ALKAID_C_EXPORT alkaid_status alkaid_buffer_allocate_resizable(int64_t size, int64_t alignment,
                                                               alkaid_pool* pool,
                                                               alkaid_buffer** out);

// Releases bytes that a buffer borrowed. Called once, on the thread that drops the last reference.
typedef void (*alkaid_release_function)(void* context);

// A read-only buffer over `size` bytes at `data` that belong to the program. `release(context)` is
// called when the buffer and its last slice are gone; it is not called if this function fails. If
// `release` is NULL, the bytes must stay valid for ever.
ALKAID_C_EXPORT alkaid_status alkaid_buffer_from_foreign(const void* data, int64_t size,
                                                         alkaid_release_function release,
                                                         void* context, alkaid_buffer** out);
// The same for writable bytes.
ALKAID_C_EXPORT alkaid_status alkaid_buffer_from_foreign_mutable(void* data, int64_t size,
                                                                 alkaid_release_function release,
                                                                 void* context,
                                                                 alkaid_buffer** out);

// `size` bytes from `offset`, without a copy. ALKAID_OUT_OF_RANGE, naming the numbers, if the range
// does not lie inside.
ALKAID_C_EXPORT alkaid_status alkaid_buffer_slice(const alkaid_buffer* buffer, int64_t offset,
                                                  int64_t size, alkaid_buffer** out);
// The same, writable. ALKAID_INVALID for a buffer that is not writable.
ALKAID_C_EXPORT alkaid_status alkaid_buffer_slice_mutable(alkaid_buffer* buffer, int64_t offset,
                                                          int64_t size, alkaid_buffer** out);
// A writable copy of `size` bytes from `offset`, from `pool` (NULL: the default).
ALKAID_C_EXPORT alkaid_status alkaid_buffer_copy(const alkaid_buffer* buffer, int64_t offset,
                                                 int64_t size, alkaid_pool* pool,
                                                 alkaid_buffer** out);
// The root of a slice, or the parent that a root keeps alive; `*out` is NULL if there is none.
ALKAID_C_EXPORT alkaid_status alkaid_buffer_parent(const alkaid_buffer* buffer,
                                                   alkaid_buffer** out);

ALKAID_C_EXPORT void alkaid_buffer_retain(alkaid_buffer* buffer);
ALKAID_C_EXPORT void alkaid_buffer_release(alkaid_buffer* buffer);

// Sets the size of a buffer. `buffer` must be the handle that alkaid_buffer_allocate_resizable
// returned; ALKAID_INVALID for any other. Growing may move the bytes, which invalidates pointers
// into the buffer and its slices. New bytes are not initialised. On failure nothing has changed.
ALKAID_C_EXPORT alkaid_status alkaid_buffer_resize(alkaid_buffer* buffer, int64_t size);
// Makes room for `capacity` bytes; the size stays.
ALKAID_C_EXPORT alkaid_status alkaid_buffer_reserve(alkaid_buffer* buffer, int64_t capacity);

// NULL if the CPU cannot read the bytes, and if `buffer` is NULL.
ALKAID_C_EXPORT const uint8_t* alkaid_buffer_data(const alkaid_buffer* buffer);
// NULL also if the buffer is not writable.
ALKAID_C_EXPORT uint8_t* alkaid_buffer_mutable_data(alkaid_buffer* buffer);
// The address on its device; 0 if `buffer` is NULL.
ALKAID_C_EXPORT uintptr_t alkaid_buffer_address(const alkaid_buffer* buffer);
// Bytes in use. -1 if `buffer` is NULL, as for the next two.
ALKAID_C_EXPORT int64_t alkaid_buffer_size(const alkaid_buffer* buffer);
// Bytes allocated.
ALKAID_C_EXPORT int64_t alkaid_buffer_capacity(const alkaid_buffer* buffer);
// Bytes that the buffer is known to keep alive. For a slice: what its root keeps. For a root: its
// capacity or what its parent keeps, whichever is more.
ALKAID_C_EXPORT int64_t alkaid_buffer_root_capacity(const alkaid_buffer* buffer);
// 1 or 0; -1 if an argument is NULL.
ALKAID_C_EXPORT int32_t alkaid_buffer_is_mutable(const alkaid_buffer* buffer);
ALKAID_C_EXPORT int32_t alkaid_buffer_is_cpu(const alkaid_buffer* buffer);
ALKAID_C_EXPORT int32_t alkaid_buffer_equals(const alkaid_buffer* a, const alkaid_buffer* b);

#ifdef __cplusplus
}
#endif
