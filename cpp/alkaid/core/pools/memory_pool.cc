#include "alkaid/core/pools/memory_pool.h"

#include <cstdio>

#include "alkaid/base/first_made.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/debug_report_internal.h"
#include "alkaid/core/pools/guarded_sampler_internal.h"
#include "alkaid/core/pools/guarded_slots_internal.h"
#include "alkaid/core/pools/memory_pool_backends_internal.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/print_stats_internal.h"

namespace alkaid {

namespace internal {

alignas(kDefaultBufferAlignment) uint8_t zero_size_area[kDefaultBufferAlignment];

Status CheckRequest(const char* what, int64_t size, int64_t alignment) {
  if (size < 0) {
    return status::Invalid(what, " ", size, " bytes: a size cannot be negative");
  }
  if (!IsValidAlignment(alignment)) {
    return status::Invalid(what, " ", size, " bytes: alignment ", alignment,
                           " is not a power of two from 1 to ", kMaxBufferAlignment);
  }
  if (size > kMaxAllocationSize) {
    return status::OutOfMemory(what, " ", size, " bytes: the limit is the address space, ",
                               kMaxAllocationSize, " bytes");
  }
  return absl::OkStatus();
}

Status AllocatorRefused(const char* what, const char* allocator, int64_t size, int64_t alignment) {
  return status::OutOfMemory(what, " ", size, " bytes at alignment ", alignment, ": ", allocator,
                             " is out of memory");
}

void CheckFreeOfNothing(const uint8_t* buffer, const MemoryPool& pool) {
  if (IsGuardedAddress(buffer)) [[unlikely]] {
    const GuardedOwner owner(&pool, PoolName(pool).text, GuardedAccount::kOther);
    return FreeGuarded({const_cast<uint8_t*>(buffer), owner, 0, kDefaultBufferAlignment});
  }
  if (!MemoryDebugOn() || buffer == zero_size_area ||
      buffer == ZeroSizePointer(kMaxBufferAlignment)) {
    return;
  }
  ReportBlockFault(pool, buffer, "wrong size",
                   "free of the block at %p (%s) as one of 0 bytes, which it is not",
                   static_cast<const void*>(buffer), PoolName(pool).text);
}

namespace {

void PrintFigures(const char* what, const MemoryPool& pool) {
  std::fprintf(stderr,
               "Alkaid %s over %s: %lld bytes live, %lld bytes at the peak, %lld bytes in "
               "%lld allocations ever\n",
               what, pool.backend_name().c_str(), static_cast<long long>(pool.bytes_allocated()),
               static_cast<long long>(pool.max_memory()),
               static_cast<long long>(pool.total_bytes_allocated()),
               static_cast<long long>(pool.num_allocations()));
}

}  // namespace

void PrintPoolStats(const MemoryPool& pool) { PrintFigures("memory pool", pool); }

void PrintAdaptorStats(const char* what, const MemoryPool& adaptor) { PrintFigures(what, adaptor); }

}  // namespace internal

void MemoryPool::PrintStats() { internal::PrintPoolStats(*this); }

int64_t MemoryPool::max_memory() const { return -1; }

std::unique_ptr<MemoryPool> MemoryPool::CreateDefault() {
  Result<std::unique_ptr<MemoryPool>> pool = CreateMemoryPool(ChosenDefaultMemoryBackend().name);
  if (pool.ok()) return *std::move(pool);
  if (pool.status().code() == StatusCode::kResourceExhausted) throw std::bad_alloc();
  // A registered factory that returns nothing must not end the process.
  internal::Notice(internal::MessageIn(pool.status()), "; the system backend serves instead");
  return internal::MakeSystemPool(internal::GuardedSamplingOfEnvironment());
}

namespace {

MemoryPool* MakeDefaultPool() {
  const std::string& name = ChosenDefaultMemoryBackend().name;
  MemoryPool* shared = nullptr;
  if (name == "system") return system_memory_pool();
  if (name == "jemalloc" && jemalloc_memory_pool(&shared).ok()) return shared;
  if (name == "mimalloc" && mimalloc_memory_pool(&shared).ok()) return shared;
  return MemoryPool::CreateDefault().release();
}

}  // namespace

// The pools below are never destroyed: buffers in static objects, and in interpreters that are
// shutting down, outlive main.

MemoryPool* system_memory_pool() {
  static constinit internal::FirstMade<MemoryPool> pool;
  return pool.Get(
      [] { return internal::MakeSystemPool(internal::GuardedSamplingOfEnvironment()).release(); });
}

Status jemalloc_memory_pool(MemoryPool** out) try {
#if ALKAID_HAVE_JEMALLOC
  static constinit internal::FirstMade<MemoryPool> pool;
  *out = pool.Get([] {
    return internal::MakeJemallocPool(internal::GuardedSamplingOfEnvironment()).release();
  });
  return absl::OkStatus();
#else
  (void)out;
  return status::NotImplemented("jemalloc_memory_pool: this build of Alkaid has no jemalloc");
#endif
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status mimalloc_memory_pool(MemoryPool** out) try {
#if ALKAID_HAVE_MIMALLOC
  static constinit internal::FirstMade<MemoryPool> pool;
  *out = pool.Get([] {
    return internal::MakeMimallocPool(internal::GuardedSamplingOfEnvironment()).release();
  });
  return absl::OkStatus();
#else
  (void)out;
  return status::NotImplemented("mimalloc_memory_pool: this build of Alkaid has no mimalloc");
#endif
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

MemoryPool* default_memory_pool() {
  static constinit internal::FirstMade<MemoryPool> pool;
  return pool.Get(MakeDefaultPool);
}

std::vector<std::string> SupportedMemoryBackendNames() {
  std::vector<std::string> names;
  for (const MemoryBackend& backend : MemoryBackends()) names.push_back(backend.name);
  return names;
}

}  // namespace alkaid
