// The handles of pools.
//
// Ownership: a handle shares its pool, and so do its blocks (kept_pool_internal.h). Threads: as the
// pool. Out of memory: NewPool throws std::bad_alloc.
#pragma once

#include <memory>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/c/handles_internal.h"
#include "alkaid/c/pools.h"
#include "alkaid/core/pools/memory_pool.h"

struct alkaid_pool : alkaid::c::Handle {
  std::shared_ptr<alkaid::MemoryPool> pool;
  std::string backend_name;
};

namespace alkaid::c {

ALKAID_EXPORT std::unique_ptr<alkaid_pool> NewPool(std::shared_ptr<MemoryPool> pool);
// The handle's pool; the default pool for NULL.
std::shared_ptr<MemoryPool> PoolOf(const alkaid_pool* pool);
// 0 means the alignment of buffers.
int64_t AlignmentOf(int64_t alignment);

}  // namespace alkaid::c
