// A pool that lives as long as the last block that was allocated from it.
//
// Readers, datagrams and buffers borrow their pool. A program in C gives its handle of the pool
// back when it likes, so what its blocks come from must not go before them.
//
// Ownership: shares the pool below. Threads: all functions, from any thread; one shared atomic.
// Out of memory: std::bad_alloc from KeptWithBlocks; else as the pool below.
#pragma once

#include <memory>

#include "alkaid/base/export.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::c {

// All goes to `below`, whose figures these are.
ALKAID_EXPORT std::shared_ptr<MemoryPool> KeptWithBlocks(std::shared_ptr<MemoryPool> below);

}  // namespace alkaid::c
