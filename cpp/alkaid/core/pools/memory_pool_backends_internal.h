// The built-in backends, one .cc file each; a build without a backend has neither its file nor its
// declaration.
#pragma once

#include <memory>
#include <string>

#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/debug_memory_pool_internal.h"
#include "alkaid/core/pools/guarded_allocator_internal.h"
#include "alkaid/core/pools/guarded_memory_pool.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::internal {

// A pool over `Allocator`: in the debug mode if that is on, else with guarded blocks if `sampling`
// has any.
template <typename Allocator>
std::unique_ptr<MemoryPool> MakePool(const GuardedSampling& sampling) {
  if (MemoryDebugOn()) return std::make_unique<DebugMemoryPool<Allocator>>();
  if (sampling.on()) return MakeGuardedPool<Allocator>(sampling);
  return std::make_unique<BaseMemoryPoolImpl<Allocator>>();
}

std::unique_ptr<MemoryPool> MakeSystemPool(const GuardedSampling& sampling);
std::string SystemAllocatorVersion();
#if ALKAID_HAVE_JEMALLOC
std::unique_ptr<MemoryPool> MakeJemallocPool(const GuardedSampling& sampling);
std::string JemallocVersion();
#endif
#if ALKAID_HAVE_MIMALLOC
std::unique_ptr<MemoryPool> MakeMimallocPool(const GuardedSampling& sampling);
std::string MimallocVersion();
#endif

// CreateMemoryPool, with guarded blocks as `sampling` says.
Result<std::unique_ptr<MemoryPool>> CreateMemoryPoolThatGuards(const std::string& backend,
                                                               const GuardedSampling& sampling);

}  // namespace alkaid::internal
