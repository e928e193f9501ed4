// Checks the blocks that a pool returns, since it may be the program's own.
//
// A pool that returns OK must have given a block that is not null and is aligned as requested
// (memory_pool.h). These functions check that, for code that keeps account of blocks or hands them
// on as memory: buffers, the bridges to std allocators and std::pmr, the proxy and capped pools. A
// bad block is refused, naming the pool, before a byte of it is touched. Costs two branches that
// are not taken; a direct call of a pool over an allocator does not pay them.
//
// Ownership: as MemoryPool. Threads: as the pool.
// Out of memory: as the pool. A pool that gave no block or a misaligned one has failed:
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

// Why `block` is not a valid block, for a call that requested `size` bytes.
ALKAID_EXPORT Status NotABlock(const MemoryPool& pool, const char* what, const uint8_t* block,
                               int64_t size, int64_t alignment);
// The same for a block just allocated; a misaligned one goes back to its pool.
ALKAID_EXPORT Status RefuseBlock(MemoryPool* pool, uint8_t* block, int64_t size, int64_t alignment);

// pool->Allocate; on OK the block is aligned and not null.
inline Status AllocateChecked(MemoryPool* pool, int64_t size, int64_t alignment, uint8_t** out) {
  uint8_t* block = nullptr;
  ALKAID_RETURN_NOT_OK(pool->Allocate(size, alignment, &block));
  if (!IsAlignedBlock(block, alignment)) [[unlikely]]
    return RefuseBlock(pool, block, size, alignment);
  *out = block;
  return absl::OkStatus();
}

// pool->Reallocate; on OK the block is not null. A pool that returns OK with null is assumed to
// have left the block alone, as realloc() does when it returns null: `*ptr` stays. A block that is
// now misaligned is not refused here, since it holds the only copy of its bytes.
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
