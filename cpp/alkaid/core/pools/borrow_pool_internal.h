// BorrowPool: one member for both kinds of ownership. Adaptors keep their pool in a shared_ptr; a
// borrowed pool is a shared_ptr that owns nothing.
//
// Costs no allocation and no count. Threads: a pure function.
#pragma once

#include <memory>

#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::internal {

inline std::shared_ptr<MemoryPool> BorrowPool(MemoryPool* pool) {
  return std::shared_ptr<MemoryPool>(std::shared_ptr<void>(), pool);
}

}  // namespace alkaid::internal
