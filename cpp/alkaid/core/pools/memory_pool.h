// MemoryPool: where every byte of a Buffer comes from.
//
// A pool allocates, reallocates and frees blocks at a stated alignment, and counts what it did. The
// built-in pools are over the C library ("system"), jemalloc and mimalloc; which of them is the
// default is chosen once, at first use, from the environment variable ALKAID_DEFAULT_MEMORY_POOL. A
// pool keeps no blocks of its own: each call reaches the allocator (but: guarded_memory_pool.h).
//
// Ownership: a block belongs to the caller until Free. The pools that the functions below return
// live as long as the process.
// Threads: all functions of all pools here, from any thread; a block may be freed by another thread
// than its allocator's.
// Out of memory: kResourceExhausted, `*out` untouched; the pool and all other blocks stay as they
// were. Where there is no memory for its text the status says that. What makes a pool, or returns
// text, throws std::bad_alloc. A pool of the program's own may throw from Allocate and Reallocate.
// The exception passes through the adaptors, buffers and builders above, each of which is then as
// after a refusal. The other functions must not throw: buffers call Free in their destructors,
// where an exception ends the program.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid {

// Bytes. Every Buffer is aligned and padded to this (one cache line, one AVX-512 register).
inline constexpr int64_t kDefaultBufferAlignment = 64;
// Bytes. The largest alignment that every backend grants; one huge page of x86-64.
inline constexpr int64_t kMaxBufferAlignment = int64_t{2} << 20;

class ALKAID_EXPORT MemoryPool {
 public:
  virtual ~MemoryPool() = default;
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  // A new pool over the default backend, with statistics of its own. Never null.
  static std::unique_ptr<MemoryPool> CreateDefault();

  // Allocates `size` bytes aligned to 64; the bytes are not initialised. A size of 0 gives a
  // shared, non-null, aligned pointer that must be given back like any other. Negative:
  // kInvalidArgument.
  Status Allocate(int64_t size, uint8_t** out) {
    return Allocate(size, kDefaultBufferAlignment, out);
  }
  // `alignment`: a power of two from 1 to kMaxBufferAlignment, else kInvalidArgument naming the
  // value.
  // OK means that `*out` is not null and aligned. Buffers, standard containers and adaptors that
  // count refuse what else a pool of the program's own answers OK with (checked_allocation.h).
  virtual Status Allocate(int64_t size, int64_t alignment, uint8_t** out) = 0;

  // Resizes `*ptr` from `old_size` to `new_size` bytes, keeping the first min(old, new) of them;
  // `*ptr` may move. On failure `*ptr` and its block are untouched. `old_size` and `alignment` must
  // be those of the block.
  Status Reallocate(int64_t old_size, int64_t new_size, uint8_t** ptr) {
    return Reallocate(old_size, new_size, kDefaultBufferAlignment, ptr);
  }
  virtual Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                            uint8_t** ptr) = 0;

  // Gives a block back. `size` and `alignment` must be those it has now.
  void Free(uint8_t* buffer, int64_t size) { Free(buffer, size, kDefaultBufferAlignment); }
  virtual void Free(uint8_t* buffer, int64_t size, int64_t alignment) = 0;

  // Asks the allocator to return what it holds in reserve to the operating system. May do nothing;
  // can be slow.
  virtual void ReleaseUnused() {}

  // Writes the pool's own figures and the allocator's to stderr, for people.
  virtual void PrintStats();

  // Bytes live now. Exact whenever no call is in flight.
  virtual int64_t bytes_allocated() const = 0;
  // Highest bytes_allocated() so far, or -1 where the pool does not know. Exact for a pool that one
  // thread uses; with several it is never below the truth and at most a stated bound above
  // (core/pools/thread_counters.h).
  virtual int64_t max_memory() const;
  // Bytes ever allocated: every allocation, and the growth of every reallocation.
  virtual int64_t total_bytes_allocated() const = 0;
  // Allocations, and reallocations that grow, so far.
  virtual int64_t num_allocations() const = 0;
  // "system", "jemalloc", "mimalloc", or the name that a registered backend reports.
  virtual std::string backend_name() const = 0;

 protected:
  MemoryPool() = default;
};

// The process-wide default pool. Its backend is chosen at the first call (also by CreateDefault):
// the value of ALKAID_DEFAULT_MEMORY_POOL where that names a backend that is built in or
// registered; else mimalloc, jemalloc, system, the first that is built in. An unknown value is
// reported once on stderr. Case counts; an empty value is as good as none.
ALKAID_EXPORT MemoryPool* default_memory_pool();

// The process-wide pool over the C library's allocator. Always there.
ALKAID_EXPORT MemoryPool* system_memory_pool();

// The process-wide pools over jemalloc and mimalloc; kUnimplemented where the library was built
// without.
ALKAID_EXPORT Status jemalloc_memory_pool(MemoryPool** out);
ALKAID_EXPORT Status mimalloc_memory_pool(MemoryPool** out);

// The backends that this build contains and those registered so far, in the order in which the
// default is looked for.
ALKAID_EXPORT std::vector<std::string> SupportedMemoryBackendNames();

}  // namespace alkaid

#include "alkaid/core/pools/memory_pool_stats.h"  // IWYU pragma: export
