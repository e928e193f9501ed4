// MemoryPool: the source of every Buffer's bytes.
//
// A pool allocates, reallocates and frees blocks at a stated alignment, and counts what it did. The
// built-in pools are over the C library ("system"), jemalloc and mimalloc. The default among them
// is chosen once, at first use, by the environment variable ALKAID_DEFAULT_MEMORY_POOL. A pool
// keeps no blocks of its own: each call reaches the allocator (exception: guarded_memory_pool.h).
//
// Ownership: a block belongs to the caller until Free. The pools that the functions below return
// live as long as the process.
// Threads: all functions of all pools here, from any thread; any thread may free a block.
// Out of memory: kResourceExhausted, `*out` untouched; the pool and all other blocks stay as they
// were. If there is no memory for the status text, the status says that. Functions that make a pool
// or return text throw std::bad_alloc.
// Exceptions: a pool of the program's own may throw from Allocate and Reallocate. The exception
// passes through the adaptors, buffers and builders above, whose state is then as after a refusal.
// The other functions must not throw: buffers call Free in their destructors, where an exception
// ends the program.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid {

// Bytes. The alignment and padding of every Buffer (one cache line, one AVX-512 register).
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

  // Allocates `size` bytes aligned to 64, not initialised. A size of 0 gives a shared, non-null,
  // aligned pointer that must be freed like any other. Negative: kInvalidArgument.
  Status Allocate(int64_t size, uint8_t** out) {
    return Allocate(size, kDefaultBufferAlignment, out);
  }
  // `alignment`: a power of two from 1 to kMaxBufferAlignment, else kInvalidArgument naming the
  // value. OK means that `*out` is aligned and not null. If a pool of the program's own breaks
  // that, buffers, standard containers and adaptors that count refuse the block
  // (checked_allocation.h).
  virtual Status Allocate(int64_t size, int64_t alignment, uint8_t** out) = 0;

  // Resizes `*ptr` from `old_size` to `new_size` bytes, keeping the first min(old, new) of them;
  // `*ptr` may move. On failure `*ptr` and its block are untouched. `old_size` and `alignment` must
  // be those of the block.
  Status Reallocate(int64_t old_size, int64_t new_size, uint8_t** ptr) {
    return Reallocate(old_size, new_size, kDefaultBufferAlignment, ptr);
  }
  virtual Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                            uint8_t** ptr) = 0;

  // Frees a block. `size` and `alignment` must be its current ones.
  void Free(uint8_t* buffer, int64_t size) { Free(buffer, size, kDefaultBufferAlignment); }
  virtual void Free(uint8_t* buffer, int64_t size, int64_t alignment) = 0;

  // Asks the allocator to return its unused memory to the operating system. May do nothing; can be
  // slow.
  virtual void ReleaseUnused() {}

  // Writes the pool's own figures and the allocator's to stderr, for people.
  virtual void PrintStats();

  // Bytes live now. Exact whenever no call is in flight.
  virtual int64_t bytes_allocated() const = 0;
  // The highest bytes_allocated() so far, or -1 if the pool does not know. Exact for a pool that
  // one thread uses. With several threads it is never below the truth, and above it by at most a
  // stated bound (core/pools/thread_counters.h).
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
// the one that ALKAID_DEFAULT_MEMORY_POOL names, if it is built in or registered; else the first
// built-in one of mimalloc, jemalloc, system. An unknown name is reported once on stderr. Names are
// case-sensitive; an empty value means unset.
ALKAID_EXPORT MemoryPool* default_memory_pool();

// The process-wide pool over the C library's allocator. Always available.
ALKAID_EXPORT MemoryPool* system_memory_pool();

// The process-wide pools over jemalloc and mimalloc; kUnimplemented if the library was built
// without them.
ALKAID_EXPORT Status jemalloc_memory_pool(MemoryPool** out);
ALKAID_EXPORT Status mimalloc_memory_pool(MemoryPool** out);

// The backends of this build and those registered so far, in the order in which the default is
// looked for.
ALKAID_EXPORT std::vector<std::string> SupportedMemoryBackendNames();

}  // namespace alkaid

#include "alkaid/core/pools/memory_pool_stats.h"  // IWYU pragma: export
