// The contract over every pool and adaptor of this library. Instantiated here: leaf pools, each
// adaptor over each of them, adaptors in all orders, pools over the standard library's allocators,
// and a backend that a program registered.
#include "alkaid/testing/pool_contract.h"

#include <gtest/gtest.h>

#include <memory_resource>
#include <ostream>

#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/capped_memory_pool.h"
#include "alkaid/core/pools/forwarding_memory_pool.h"
#include "alkaid/core/pools/guarded_memory_pool.h"
#include "alkaid/core/pools/labelled_memory_pool.h"
#include "alkaid/core/pools/logging_memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/pmr.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/core/pools/quota_memory_pool.h"
#include "alkaid/core/pools/stl_allocator.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"

namespace alkaid {
namespace {

using Pool = std::shared_ptr<MemoryPool>;

constexpr int64_t kPlenty = int64_t{1} << 40;

// A new pool over the named backend; null where this build has none.
Pool Fresh(const char* backend) {
  Result<std::unique_ptr<MemoryPool>> pool = CreateMemoryPool(backend);
  return pool.ok() ? Pool(*std::move(pool)) : nullptr;
}

// A stream that writes nowhere.
std::ostream& Nowhere() {
  static std::ostream stream(nullptr);
  return stream;
}

// An adaptor that changes nothing.
class PlainAdaptor final : public ForwardingMemoryPool {
 public:
  explicit PlainAdaptor(const Pool& pool) : ForwardingMemoryPool(pool) {}
};

// Each leaves "no such pool" as it is.
Pool Plain(const Pool& pool) { return pool ? std::make_shared<PlainAdaptor>(pool) : nullptr; }
Pool Logging(const Pool& pool) {
  return pool ? std::make_shared<LoggingMemoryPool>(pool, Nowhere()) : nullptr;
}
Pool Proxy(const Pool& pool) { return pool ? std::make_shared<ProxyMemoryPool>(pool) : nullptr; }
Pool Quota(const Pool& pool) {
  return pool ? std::make_shared<QuotaMemoryPool>(pool, kPlenty) : nullptr;
}
Pool Capped(const Pool& pool) {
  return pool ? std::make_shared<CappedMemoryPool>(pool, kPlenty) : nullptr;
}
Pool Labelled(const Pool& pool) {
  return pool ? std::make_shared<LabelledMemoryPool>(pool, Label::Intern("contract")) : nullptr;
}
// One in three, so that blocks come and go between slots and the pool below.
Pool Guarded(const Pool& pool) {
  return pool ? std::make_shared<GuardedMemoryPool>(pool, GuardedSampling{.blocks = 3}) : nullptr;
}
Pool Faulty(const Pool& pool) {
  return pool ? std::make_shared<FaultInjectingMemoryPool>(pool) : nullptr;
}

ALKAID_INSTANTIATE_POOL_CONTRACT(System, [] { return system_memory_pool(); });
ALKAID_INSTANTIATE_POOL_CONTRACT(Default, [] { return default_memory_pool(); });
ALKAID_INSTANTIATE_POOL_CONTRACT(CreatedDefault, [] { return MemoryPool::CreateDefault(); });
ALKAID_INSTANTIATE_POOL_CONTRACT(FreshSystem, [] { return Fresh("system"); });
ALKAID_INSTANTIATE_POOL_CONTRACT(FreshJemalloc, [] { return Fresh("jemalloc"); });
ALKAID_INSTANTIATE_POOL_CONTRACT(FreshMimalloc, [] { return Fresh("mimalloc"); });
ALKAID_INSTANTIATE_POOL_CONTRACT(Jemalloc, [] {
  MemoryPool* pool = nullptr;
  return jemalloc_memory_pool(&pool).ok() ? pool : nullptr;
});
ALKAID_INSTANTIATE_POOL_CONTRACT(Mimalloc, [] {
  MemoryPool* pool = nullptr;
  return mimalloc_memory_pool(&pool).ok() ? pool : nullptr;
});

ALKAID_INSTANTIATE_POOL_CONTRACT(LoggingOverSystem, [] { return Logging(Fresh("system")); });
ALKAID_INSTANTIATE_POOL_CONTRACT(LoggingOverJemalloc, [] { return Logging(Fresh("jemalloc")); });
ALKAID_INSTANTIATE_POOL_CONTRACT(LoggingOverMimalloc, [] { return Logging(Fresh("mimalloc")); });
ALKAID_INSTANTIATE_POOL_CONTRACT(PlainOverDefault,
                                 [] { return Plain(MemoryPool::CreateDefault()); });
ALKAID_INSTANTIATE_POOL_CONTRACT(ProxyOverSystem, [] { return Proxy(Fresh("system")); });
ALKAID_INSTANTIATE_POOL_CONTRACT(ProxyOverJemalloc, [] { return Proxy(Fresh("jemalloc")); });
ALKAID_INSTANTIATE_POOL_CONTRACT(ProxyOverMimalloc, [] { return Proxy(Fresh("mimalloc")); });
ALKAID_INSTANTIATE_POOL_CONTRACT(CappedOverSystem, [] { return Capped(Fresh("system")); });
ALKAID_INSTANTIATE_POOL_CONTRACT(CappedOverJemalloc, [] { return Capped(Fresh("jemalloc")); });
ALKAID_INSTANTIATE_POOL_CONTRACT(CappedOverMimalloc, [] { return Capped(Fresh("mimalloc")); });
ALKAID_INSTANTIATE_POOL_CONTRACT(LabelledOverDefault,
                                 [] { return Labelled(MemoryPool::CreateDefault()); });
ALKAID_INSTANTIATE_POOL_CONTRACT(GuardedOverDefault,
                                 [] { return Guarded(MemoryPool::CreateDefault()); });
ALKAID_INSTANTIATE_POOL_CONTRACT(FaultyOverDefault,
                                 [] { return Faulty(MemoryPool::CreateDefault()); });

ALKAID_INSTANTIATE_POOL_CONTRACT(QuotaOverSystem, [] { return Quota(Fresh("system")); });
ALKAID_INSTANTIATE_POOL_CONTRACT(QuotaOverJemalloc, [] { return Quota(Fresh("jemalloc")); });
ALKAID_INSTANTIATE_POOL_CONTRACT(QuotaOverMimalloc, [] { return Quota(Fresh("mimalloc")); });
ALKAID_INSTANTIATE_POOL_CONTRACT(CappedQuota, [] { return Capped(Quota(Fresh("system"))); });
ALKAID_INSTANTIATE_POOL_CONTRACT(CappedLoggingProxy, [] {
  return Capped(Logging(Proxy(MemoryPool::CreateDefault())));
});
ALKAID_INSTANTIATE_POOL_CONTRACT(CappedProxyLogging, [] {
  return Capped(Proxy(Logging(MemoryPool::CreateDefault())));
});
ALKAID_INSTANTIATE_POOL_CONTRACT(LoggingCappedProxy, [] {
  return Logging(Capped(Proxy(MemoryPool::CreateDefault())));
});
ALKAID_INSTANTIATE_POOL_CONTRACT(LoggingProxyCapped, [] {
  return Logging(Proxy(Capped(MemoryPool::CreateDefault())));
});
ALKAID_INSTANTIATE_POOL_CONTRACT(ProxyCappedLogging, [] {
  return Proxy(Capped(Logging(MemoryPool::CreateDefault())));
});
ALKAID_INSTANTIATE_POOL_CONTRACT(ProxyLoggingCapped, [] {
  return Proxy(Logging(Capped(MemoryPool::CreateDefault())));
});

ALKAID_INSTANTIATE_POOL_CONTRACT(StlOverStdAllocator, [] {
  return std::make_unique<stl::STLMemoryPool<std::allocator<uint8_t>>>();
});
ALKAID_INSTANTIATE_POOL_CONTRACT(StlOverAnotherValueType, [] {
  return std::make_unique<stl::STLMemoryPool<std::allocator<double>>>();
});
// A pool over an allocator over a pool.
ALKAID_INSTANTIATE_POOL_CONTRACT(StlOverPoolAllocator, [] {
  return std::make_unique<stl::STLMemoryPool<stl::allocator<uint8_t>>>(
      stl::allocator<uint8_t>(system_memory_pool()));
});
ALKAID_INSTANTIATE_POOL_CONTRACT(PmrOverNewDelete, [] {
  return std::make_unique<MemoryResourcePool>(std::pmr::new_delete_resource());
});
// A pool over a resource over a pool.
ALKAID_INSTANTIATE_POOL_CONTRACT(PmrOverPoolResource, [] {
  static PoolMemoryResource resource(system_memory_pool());
  return std::make_unique<MemoryResourcePool>(&resource);
});

// What a program brings along. Registered in the factory, since other programs' tests share no
// registry with this one.
struct ProgramsOwnAllocator : internal::StandardByteAllocator<std::allocator<uint8_t>> {
  std::string name() const { return "programs-own"; }
};
const bool programs_own_registered =
    RegisterMemoryBackend("programs-own", [] {
      return std::make_unique<BaseMemoryPoolImpl<ProgramsOwnAllocator>>();
    }).ok();

ALKAID_INSTANTIATE_POOL_CONTRACT(Registered, [] { return Fresh("programs-own"); });

TEST(PoolContractInstances, TheRegisteredBackendIsThere) {
  ASSERT_TRUE(programs_own_registered);
  const Pool pool = Fresh("programs-own");
  ASSERT_NE(pool, nullptr);
  EXPECT_EQ(pool->backend_name(), "programs-own");
}

}  // namespace
}  // namespace alkaid
