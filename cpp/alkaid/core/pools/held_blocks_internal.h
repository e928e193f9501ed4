// The blocks that buffers hold, in the debug mode.
//
// Of pools of that mode nothing is kept here: they know their blocks themselves. Of a block of
// another pool, which the program made and no registry, only that it overlaps no other one is
// looked at; nothing is planted in it. A buffer forgets its block before it gives it back.
//
// Ownership: none. Threads: any. Out of memory: the block is not looked at.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::internal {

ALKAID_EXPORT void NoteHeldBlock(const MemoryPool& pool, const uint8_t* data, int64_t size);
ALKAID_EXPORT void ForgetHeldBlock(const MemoryPool& pool, const uint8_t* data);

}  // namespace alkaid::internal
