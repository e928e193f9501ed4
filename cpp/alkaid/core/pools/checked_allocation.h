// Taking blocks from a pool that may be the program's own.
//
// A pool that answers OK owes a block that is there and is aligned as asked (memory_pool.h). Code
// that keeps accounts of blocks, or hands them on as memory, takes them by these functions:
// buffers, the bridges to std allocators and std::pmr, the proxy and capped pools. What is no block
// is refused naming the pool, before a byte of it is touched. Costs two branches that are not
// taken; a call of a pool over an allocator pays nothing by itself.
//
// Ownership: as MemoryPool. Threads: as the pool.
// Out of memory: as the pool, and a pool that gave no block or a misaligned one has failed:
// kResourceExhausted with the pool, the size, the alignment and the address.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::internal {

// `alignment`: a power of two.
inline bool IsAlignedBlock(const uint8_t* block, int64_t alignment) {
  return block != nullptr &&
         (reinterpret_cast<uintptr_t>(block) & static_cast<uintptr_t>(alignment - 1)) == 0;
}

// Why `block` is none, for a call that asked for `size` bytes.
ALKAID_EXPORT Status NotABlock(const MemoryPool& pool, const char* what, const uint8_t* block,
                               int64_t size, int64_t alignment);
// The same of a block that was just allocated; one that is there goes back to its pool.
ALKAID_EXPORT Status RefuseBlock(MemoryPool* pool, uint8_t* block, int64_t size, int64_t alignment);

// pool->Allocate, whose block is then aligned and not null.
inline Status AllocateChecked(MemoryPool* pool, int64_t size, int64_t alignment, uint8_t** out) {
  uint8_t* block = nullptr;
  ALKAID_RETURN_NOT_OK(pool->Allocate(size, alignment, &block));
  if (!IsAlignedBlock(block, alignment)) [[unlikely]]
    return RefuseBlock(pool, block, size, alignment);
  *out = block;
  return absl::OkStatus();
}

// pool->Reallocate, where the block is there still. A pool that answers OK with null is taken to
// have left the block alone, as realloc() does when it gives null: `*ptr` is as before. A block
// that is misaligned now is not refused here, since it holds the only copy of its bytes.
inline Status ReallocateChecked(MemoryPool* pool, int64_t old_size, int64_t new_size,
                                int64_t alignment, uint8_t** ptr) {
  uint8_t* block = *ptr;
  ALKAID_RETURN_NOT_OK(pool->Reallocate(old_size, new_size, alignment, &block));
  if (block == nullptr) [[unlikely]]
    return NotABlock(*pool, "reallocate to", block, new_size, alignment);
  *ptr = block;
  return absl::OkStatus();
}

}  // namespace alkaid::internal
