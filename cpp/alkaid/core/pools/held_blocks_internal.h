// The blocks of other pools that buffers hold, in the debug mode.
//
// Pools of that mode know their blocks themselves; nothing is kept here for them. A pool that the
// program made without a registry does not. Its blocks get no guards; they are only checked for
// overlap with each other. A buffer forgets its block before it gives it back.
//
// Ownership: none. Threads: any. Out of memory: the block is not checked.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::internal {

ALKAID_EXPORT void NoteHeldBlock(const MemoryPool& pool, const uint8_t* data, int64_t size);
ALKAID_EXPORT void ForgetHeldBlock(const MemoryPool& pool, const uint8_t* data);

}  // namespace alkaid::internal
