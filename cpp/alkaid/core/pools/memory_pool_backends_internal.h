// The built-in backends, one .cc file each; a build without a backend has neither its file nor its
// declaration.
#pragma once

#include <memory>
#include <string>

#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/debug_memory_pool_internal.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::internal {

// A pool over `Allocator`, in the debug mode when that is on.
template <typename Allocator>
std::unique_ptr<MemoryPool> MakePool() {
  if (MemoryDebugOn()) return std::make_unique<BaseMemoryPoolImpl<DebugAllocator<Allocator>>>();
  return std::make_unique<BaseMemoryPoolImpl<Allocator>>();
}

std::unique_ptr<MemoryPool> MakeSystemPool();
std::string SystemAllocatorVersion();
#if ALKAID_HAVE_JEMALLOC
std::unique_ptr<MemoryPool> MakeJemallocPool();
std::string JemallocVersion();
#endif
#if ALKAID_HAVE_MIMALLOC
std::unique_ptr<MemoryPool> MakeMimallocPool();
std::string MimallocVersion();
#endif

}  // namespace alkaid::internal
