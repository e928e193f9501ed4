// Memory runs out at every point of the pools' functions (fixtures/failure_suite.h).
//
// pools_failure_jemalloc_test.cc has the functions of jemalloc alone.
#include <cstdint>
#include <cstring>
#include <memory>
#include <memory_resource>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/allocator_statistics.h"
#include "alkaid/core/pools/capped_memory_pool.h"
#include "alkaid/core/pools/checked_allocation.h"
#include "alkaid/core/pools/guarded_memory_pool.h"
#include "alkaid/core/pools/jemalloc.h"
#include "alkaid/core/pools/labelled_memory_pool.h"
#include "alkaid/core/pools/listed_pools.h"
#include "alkaid/core/pools/logging_memory_pool.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/pmr.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/core/pools/quota_memory_pool.h"
#include "alkaid/core/pools/stl_allocator.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/failure_suite_main.h"

namespace alkaid {
namespace {

using failing::FailureSuite;
using failing::WithoutNew;
using enum failing::OutOfMemory;

constexpr int64_t kLimit = 10'000;
// All the address space that a process can have: every allocator refuses it.
constexpr int64_t kTooMuch = int64_t{1} << 47;
// Made beforehand: text that a caller makes of a literal is the caller's memory.
const std::string kLong = "a name that no std::string has room for in itself";
const std::string kSystem = "system";

// The first test: nothing in this process has used them yet.
// A suite of this name runs before the others, whatever the order of their files.
TEST(PoolsFirstUseDeathTest, ThePoolsOfTheProcess) {
  FailureSuite::TryInChildren("system_memory_pool", kThrows, [] { return system_memory_pool(); });
  FailureSuite::TryInChildren("jemalloc_memory_pool", kStatus, [] {
    MemoryPool* pool = nullptr;
    return jemalloc_memory_pool(&pool);
  });
  FailureSuite::TryInChildren("mimalloc_memory_pool", kStatus, [] {
    MemoryPool* pool = nullptr;
    return mimalloc_memory_pool(&pool);
  });
  FailureSuite::TryInChildren("default_memory_pool", kThrows, [] { return default_memory_pool(); });
  FailureSuite::TryInChildren("ChosenDefaultMemoryBackend", kThrows,
                              [] { return ChosenDefaultMemoryBackend().name; });
  FailureSuite::TryInChildren("MemoryPool::CreateDefault", kThrows,
                              [] { return MemoryPool::CreateDefault(); });
  FailureSuite::TryInChildren("RegisterMemoryBackend", kStatus, [] {
    return RegisterMemoryBackend(
        kLong, [] { return std::make_unique<ProxyMemoryPool>(system_memory_pool()); }, kLong);
  });
}

TEST(PoolsOutOfMemory, TheRegistry) {
  FailureSuite::TryText("MemoryBackends", kThrows, [] {
    std::string all;
    for (const MemoryBackend& backend : MemoryBackends()) absl::StrAppend(&all, backend.name, ",");
    return all;
  });
  FailureSuite::TryText("SupportedMemoryBackendNames", kThrows, [] {
    std::string all;
    for (const std::string& name : SupportedMemoryBackendNames()) absl::StrAppend(&all, name, ",");
    return all;
  });
  FailureSuite::Try(
      "MemoryPool::CreateDefault", kThrows, [](MemoryPool*) { return 0; },
      [](int&) { return MemoryPool::CreateDefault(); },
      [](int&, const auto& pool) { return pool->backend_name(); });
  for (const std::string& name : SupportedMemoryBackendNames()) {
    FailureSuite::Try(
        "CreateMemoryPool", kStatus, [](MemoryPool*) { return 0; },
        [&](int&) { return CreateMemoryPool(name); },
        [](int&, const auto& pool) { return pool->backend_name(); });
  }
  FailureSuite::Try(
      "CreateMemoryPool of no backend", kStatus, [](MemoryPool*) { return 0; },
      [](int&) { return CreateMemoryPool(kLong); }, [](int&, const auto&) { return ""; });
  FailureSuite::Try(
      "RegisterMemoryBackend under a name that is taken", kStatus, [](MemoryPool*) { return 0; },
      [](int&) {
        return RegisterMemoryBackend(kSystem, [] { return MemoryPool::CreateDefault(); });
      },
      [](int&) { return ""; });
}

// A pool, what it is built on, and a block of it.
struct Stack {
  std::unique_ptr<MemoryPool> pool;
  std::shared_ptr<void> below = nullptr;
  uint8_t* block = nullptr;
  int64_t size = 0;

  explicit Stack(std::unique_ptr<MemoryPool> of, std::shared_ptr<void> on = nullptr)
      : pool(std::move(of)), below(std::move(on)) {}
  Stack(Stack&& other) noexcept
      : pool(std::move(other.pool)),
        below(std::move(other.below)),
        block(std::exchange(other.block, nullptr)),
        size(other.size) {}
  ~Stack() {
    if (block != nullptr) pool->Free(block, size);
    pool.reset();
  }

  std::string Figures() const {
    return absl::StrCat(size, " ", pool->bytes_allocated(), " ", pool->num_allocations());
  }
};

// How each call behaves without memory. A pool over an allocator needs none to reallocate, and only
// one of all pools needs any to free.
struct PoolRules {
  failing::OutOfMemory reallocate = kStatus;
  failing::OutOfMemory free = kNeedsNone;
};

template <typename Make>
void TryPool(const std::string& name, const Make& make, const PoolRules& rules = {}) {
  FailureSuite::Try(
      name + "::Allocate", kStatus, make,
      [](Stack& stack) { return stack.pool->Allocate(100, &stack.block); },
      [](Stack& stack) {
        stack.size = 100;
        return stack.Figures();
      });
  const auto with_block = [&](MemoryPool* pool) {
    Stack stack = make(pool);
    EXPECT_THAT(stack.pool->Allocate(100, &stack.block), IsOk());
    stack.size = 100;
    std::memset(stack.block, 7, 100);
    return stack;
  };
  for (const int64_t size : {5000, 50}) {
    FailureSuite::Try(
        name + "::Reallocate", rules.reallocate, with_block,
        [&](Stack& stack) { return stack.pool->Reallocate(100, size, &stack.block); },
        [&](Stack& stack) {
          stack.size = size;
          return absl::StrCat(stack.block[49], " ", stack.Figures());
        });
  }
  // Refusals, which take memory for their message.
  const auto figures = [](Stack& stack) { return stack.Figures(); };
  for (const int64_t size : {int64_t{-1}, kTooMuch}) {
    FailureSuite::Try(
        name + "::Allocate of " + std::to_string(size), kStatus, with_block,
        [&](Stack& stack) {
          uint8_t* none = nullptr;
          return stack.pool->Allocate(size, &none);
        },
        figures);
    FailureSuite::Try(
        name + "::Reallocate to " + std::to_string(size), kStatus, with_block,
        [&](Stack& stack) { return stack.pool->Reallocate(100, size, &stack.block); }, figures);
  }
  FailureSuite::Try(
      name + "::Allocate at a wrong alignment", kStatus, make,
      [](Stack& stack) { return stack.pool->Allocate(100, 3, &stack.block); }, figures);
  FailureSuite::Try(
      name + "::Free", rules.free, with_block,
      [](Stack& stack) {
        stack.pool->Free(std::exchange(stack.block, nullptr), std::exchange(stack.size, 0));
      },
      figures);
  FailureSuite::Try(
      name + "::ReleaseUnused", kNeedsNone, with_block,
      [](Stack& stack) { stack.pool->ReleaseUnused(); }, figures);
  FailureSuite::Try(
      "making a " + name, kThrows,
      [](MemoryPool* pool) {
        // Memory that is not the pool's own must not be counted with it.
        return pool;
      },
      [&](MemoryPool*& pool) { return make(pool); },
      [](MemoryPool*&, Stack& stack) { return stack.pool->backend_name(); });
}

TEST(PoolsOutOfMemory, PoolsOverAllocators) {
  for (const std::string& name : SupportedMemoryBackendNames()) {
    const auto make = [&](MemoryPool*) {
      auto pool = CreateMemoryPool(name);
      if (!pool.ok()) throw std::bad_alloc();
      return Stack(*std::move(pool));
    };
    TryPool(name, make, {.reallocate = kNeedsNone});
  }
}

TEST(PoolsOutOfMemory, Adaptors) {
  TryPool("ProxyMemoryPool",
          [](MemoryPool* pool) { return Stack(std::make_unique<ProxyMemoryPool>(pool)); });
  TryPool("CappedMemoryPool",
          [](MemoryPool* pool) { return Stack(std::make_unique<CappedMemoryPool>(pool, kLimit)); });
  TryPool("QuotaMemoryPool",
          [](MemoryPool* pool) { return Stack(std::make_unique<QuotaMemoryPool>(pool, kLimit)); });
  TryPool("LabelledMemoryPool", [](MemoryPool* pool) {
    return Stack(std::make_unique<LabelledMemoryPool>(pool, Label::Intern("failing")));
  });
  TryPool("FaultInjectingMemoryPool",
          [](MemoryPool* pool) { return Stack(std::make_unique<FaultInjectingMemoryPool>(pool)); });
  const auto logging = [](MemoryPool* pool) {
    auto log = std::make_shared<std::ostringstream>();
    return Stack(std::make_unique<LoggingMemoryPool>(pool, *log), log);
  };
  TryPool("LoggingMemoryPool", logging, {.free = kGoesOn});
  TryPool("a capped pool over a proxy", [](MemoryPool* pool) {
    auto proxy = std::make_shared<ProxyMemoryPool>(pool);
    return Stack(std::make_unique<CappedMemoryPool>(proxy, kLimit), proxy);
  });
}

TEST(PoolsOutOfMemory, GuardedSampling) {
  const auto guarding = [](const alkaid::GuardedSampling& sampling) {
    return [sampling](MemoryPool* pool) {
      return Stack(std::make_unique<GuardedMemoryPool>(pool, sampling));
    };
  };
  TryPool("GuardedMemoryPool of every block", guarding({.blocks = 1}), {.reallocate = kNeedsNone});
  TryPool("GuardedMemoryPool of none", guarding({}));
  const auto create = [](const std::string& backend, int64_t one_in) {
    FailureSuite::Try(
        "CreateGuardedMemoryPool", kStatus, [](MemoryPool*) { return 0; },
        [&](int&) { return CreateGuardedMemoryPool(backend, {.blocks = one_in}); },
        [](int&, const auto& pool) { return pool->backend_name(); });
  };
  for (const std::string& name : SupportedMemoryBackendNames()) {
    create(name, 1);
    const auto make = [&](MemoryPool*) {
      auto pool = CreateGuardedMemoryPool(name, {.blocks = 1});
      if (!pool.ok()) throw std::bad_alloc();
      return Stack(*std::move(pool));
    };
    TryPool(name + ", guarded", make, {.reallocate = kNeedsNone});
  }
  create(kLong, 1);
  create(kSystem, -1);
  const auto parse = [](failing::OutOfMemory rule, std::string_view text) {
    FailureSuite::Try(
        "GuardedSampling::Parse", rule, [](MemoryPool*) { return 0; },
        [&](int&) { return alkaid::GuardedSampling::Parse(text); },
        [](int&, const alkaid::GuardedSampling& sampling) {
          return absl::StrCat(sampling.blocks, " ", sampling.bytes);
        });
  };
  parse(kNeedsNone, "1000,64MiB");
  parse(kStatus, "every one");
  parse(kStatus, "a number that no std::string has room for in itself");
  FailureSuite::Try(
      "GetGuardedStatistics and IsGuardedAddress", kNeedsNone, [](MemoryPool*) { return 0; },
      [](int&) { return IsGuardedAddress(&kLong) ? -1 : GetGuardedStatistics().live_blocks; },
      [](int&, int64_t live) { return absl::StrCat(live); });
}

TEST(PoolsOutOfMemory, Bridges) {
  using Bytes = stl::allocator<uint8_t>;
  TryPool("STLMemoryPool", [](MemoryPool* pool) {
    return Stack(std::make_unique<stl::STLMemoryPool<Bytes>>(Bytes(pool)));
  });
  TryPool("STLMemoryPool over new",
          [](MemoryPool*) { return Stack(std::make_unique<stl::STLMemoryPool<>>()); });
  TryPool("MemoryResourcePool", [](MemoryPool* pool) {
    auto resource = std::make_shared<PoolMemoryResource>(pool);
    return Stack(std::make_unique<MemoryResourcePool>(resource.get()), resource);
  });
  TryPool("MemoryResourcePool over new", [](MemoryPool*) {
    return Stack(std::make_unique<MemoryResourcePool>(std::pmr::new_delete_resource()));
  });
  FailureSuite::Try(
      "stl::allocator", kThrows,
      [](MemoryPool* pool) { return std::vector<int, stl::allocator<int>>(pool); },
      [](auto& values) {
        // A half-done growth leaves the values as they are.
        while (values.size() < 100) values.push_back(static_cast<int>(values.size()));
      },
      [](auto& values) { return absl::StrCat(values.size(), " ", values[99]); });
  struct Values {
    std::unique_ptr<PoolMemoryResource> resource;
    std::pmr::vector<int> values;
  };
  FailureSuite::Try(
      "PoolMemoryResource", kThrows,
      [](MemoryPool* pool) {
        auto resource = std::make_unique<PoolMemoryResource>(pool);
        std::pmr::vector<int> values(resource.get());
        return std::make_unique<Values>(std::move(resource), std::move(values));
      },
      [](auto& state) {
        while (state->values.size() < 100) state->values.push_back(1);
      },
      [](auto& state) { return absl::StrCat(state->values.size()); });
  FailureSuite::Try(
      "stl::allocator of too much", kThrows, [](MemoryPool* pool) { return pool; },
      [](MemoryPool*& pool) -> Status {
        try {
          (void)stl::allocator<uint8_t>(pool).allocate(static_cast<size_t>(kTooMuch));
        } catch (const stl::BadAlloc& refused) {
          // Always thrown; so that an undisturbed call does not count as one that throws.
          return refused.what()[0] != '\0' ? status::Invalid("refused") : absl::OkStatus();
        }
        return absl::OkStatus();
      },
      [](MemoryPool*&) { return ""; });
}

// Returns OK with something that is not a block.
class LyingPool final : public ForwardingMemoryPool {
 public:
  explicit LyingPool(MemoryPool* pool) : ForwardingMemoryPool(pool) {}
  using MemoryPool::Allocate;
  using MemoryPool::Reallocate;
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    ALKAID_RETURN_NOT_OK(wrapped()->Allocate(size + 1, alignment, out));
    ++*out;
    return absl::OkStatus();
  }
  Status Reallocate(int64_t, int64_t, int64_t, uint8_t** ptr) override {
    *ptr = nullptr;
    return absl::OkStatus();
  }
  void Free(uint8_t* block, int64_t size, int64_t alignment) override {
    wrapped()->Free(block - 1, size + 1, alignment);
  }
  std::string backend_name() const override { return kLong; }
};

TEST(PoolsOutOfMemory, TakingBlocksFromAPoolOfTheProgramsOwn) {
  const auto make = [](MemoryPool* pool) { return std::make_unique<LyingPool>(pool); };
  const auto nothing = [](auto&) { return ""; };
  FailureSuite::Try(
      "AllocateChecked", kStatus, make,
      [](auto& pool) {
        uint8_t* block = nullptr;
        return internal::AllocateChecked(pool.get(), 100, 64, &block);
      },
      nothing);
  FailureSuite::Try(
      "ReallocateChecked", kStatus, make,
      [](auto& pool) {
        uint8_t* block = internal::zero_size_area;
        return internal::ReallocateChecked(pool.get(), 100, 200, 64, &block);
      },
      nothing);
  FailureSuite::Try(
      "CappedMemoryPool over its limit", kStatus,
      [](MemoryPool* pool) {
        auto lying = std::make_shared<LyingPool>(pool);
        return Stack(std::make_unique<CappedMemoryPool>(lying, 10), lying);
      },
      [](Stack& stack) {
        uint8_t* block = nullptr;
        return stack.pool->Allocate(100, &block);
      },
      nothing);
}

TEST(PoolsOutOfMemory, Figures) {
  ::testing::internal::CaptureStderr();
  FailureSuite::Try(
      "MemoryPool::PrintStats", kThrows,
      [](MemoryPool* pool) {
        auto named = std::make_shared<LyingPool>(pool);
        return Stack(std::make_unique<ProxyMemoryPool>(named), named);
      },
      [](Stack& stack) { stack.pool->PrintStats(); }, [](Stack&) { return ""; });
  ::testing::internal::GetCapturedStderr();
  FailureSuite::TryText("GetAllocatorStatistics", kNeedsNone, [] {
    for (const char* name : {"system", "jemalloc", "mimalloc"}) (void)GetAllocatorStatistics(name);
    return std::string();
  });
  FailureSuite::Try(
      "VisitListedPools", kNeedsNone, [](MemoryPool*) { return int64_t{0}; },
      [](int64_t& count) {
        count = 0;
        internal::VisitListedPools(
            [](const internal::ListedPool&, void* context) { ++*static_cast<int64_t*>(context); },
            &count);
      },
      [](int64_t&) { return ""; });
}

}  // namespace
}  // namespace alkaid

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
