// KeptWithBlocks: a pool that lives as long as the last block allocated from it.
//
// Readers, datagrams and buffers borrow their pool. A C program may release its handle of the pool
// at any time, so the pool must outlive its blocks by itself.
//
// Ownership: shares the pool below. Threads: all functions, from any thread; one shared atomic.
// Out of memory: std::bad_alloc from KeptWithBlocks; else as the pool below.
#pragma once

#include <memory>

#include "alkaid/base/export.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::c {

// Everything goes to `below`, and the figures are its own.
ALKAID_EXPORT std::shared_ptr<MemoryPool> KeptWithBlocks(std::shared_ptr<MemoryPool> below);

}  // namespace alkaid::c
