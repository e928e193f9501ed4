// How adaptors and bridges behave if a pool below throws, as a program's own pool may, or if the
// thread is cancelled in it.
#include <gtest/gtest.h>
#include <pthread.h>

#include <functional>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/capped_memory_pool.h"
#include "alkaid/core/pools/labelled_memory_pool.h"
#include "alkaid/core/pools/logging_memory_pool.h"
#include "alkaid/core/pools/pmr.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/core/pools/quota_memory_pool.h"
#include "alkaid/core/pools/stl_allocator.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::HasSubstr;

class ThrowingPool final : public ForwardingMemoryPool {
 public:
  ThrowingPool() : ForwardingMemoryPool(std::shared_ptr<MemoryPool>(MemoryPool::CreateDefault())) {}

  using MemoryPool::Allocate;
  using MemoryPool::Reallocate;

  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    MayBeCancelled();
    if (throws) throw std::runtime_error("thrown below");
    return wrapped()->Allocate(size, alignment, out);
  }
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    MayBeCancelled();
    if (throws) throw std::runtime_error("thrown below");
    return wrapped()->Reallocate(old_size, new_size, alignment, ptr);
  }

  bool throws = false;
  bool cancels = false;

 private:
  void MayBeCancelled() const {
    if (!cancels) return;
    ::pthread_cancel(::pthread_self());
    ::pthread_testcancel();
  }
};

constexpr int64_t kLimit = 1000;

// A pool over the given one, and what has to live as long as it.
struct Stack {
  std::unique_ptr<MemoryPool> pool;
  std::shared_ptr<void> below = nullptr;
};

struct Adaptor {
  const char* name;
  std::function<Stack(MemoryPool*)> make;
};

Stack MakeResourcePool(MemoryPool* pool) {
  auto resource = std::make_shared<PoolMemoryResource>(pool);
  return {std::make_unique<MemoryResourcePool>(resource.get()), resource};
}

Stack MakeStlPool(MemoryPool* pool) {
  using Bytes = stl::allocator<uint8_t>;
  return {std::make_unique<stl::STLMemoryPool<Bytes>>(Bytes(pool))};
}

Stack MakeLoggingPool(MemoryPool* pool) {
  auto log = std::make_shared<std::ostringstream>();
  return {std::make_unique<LoggingMemoryPool>(pool, *log), log};
}

Stack MakeCappedProxy(MemoryPool* pool) {
  auto proxy = std::make_shared<ProxyMemoryPool>(pool);
  return {std::make_unique<CappedMemoryPool>(proxy, kLimit), proxy};
}

const Adaptor kAdaptors[] = {
    {"quota", [](auto* pool) { return Stack{std::make_unique<QuotaMemoryPool>(pool, kLimit)}; }},
    {"capped", [](auto* pool) { return Stack{std::make_unique<CappedMemoryPool>(pool, kLimit)}; }},
    {"proxy", [](auto* pool) { return Stack{std::make_unique<ProxyMemoryPool>(pool)}; }},
    {"labelled",
     [](auto* pool) {
       return Stack{std::make_unique<LabelledMemoryPool>(pool, Label::Intern("throwing_pool"))};
     }},
    {"logging", MakeLoggingPool},
    {"fault-injecting",
     [](auto* pool) { return Stack{std::make_unique<FaultInjectingMemoryPool>(pool)}; }},
    {"memory resource", MakeResourcePool},
    {"standard allocator", MakeStlPool},
    {"capped over proxy", MakeCappedProxy},
};

// Whether the call ended in an exception, or in the refusal that the bridges make of one.
template <typename Call>
bool Fails(const Call& call) {
  try {
    return !call().ok();
  } catch (const std::runtime_error&) {
    return true;
  }
}

TEST(ThrowingPool, EveryAdaptorIsAsBeforeWhenAnAllocationBelowItThrows) {
  for (const Adaptor& adaptor : kAdaptors) {
    SCOPED_TRACE(adaptor.name);
    ThrowingPool below;
    const Stack stack = adaptor.make(&below);
    MemoryPool& pool = *stack.pool;
    uint8_t* block = nullptr;
    below.throws = true;
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(Fails([&] { return pool.Allocate(kLimit, &block); }));
    }
    EXPECT_EQ(block, nullptr);
    EXPECT_EQ(pool.bytes_allocated(), 0);
    EXPECT_EQ(pool.num_allocations(), 0);
    EXPECT_EQ(below.bytes_allocated(), 0);
    EXPECT_EQ(Label::Current(), Label());
    below.throws = false;
    // The full limit is available again.
    ASSERT_THAT(pool.Allocate(kLimit, &block), IsOk());
    pool.Free(block, kLimit);
    EXPECT_EQ(below.bytes_allocated(), 0);
  }
}

TEST(ThrowingPool, EveryAdaptorIsAsBeforeWhenAReallocationBelowItThrows) {
  for (const Adaptor& adaptor : kAdaptors) {
    SCOPED_TRACE(adaptor.name);
    ThrowingPool below;
    const Stack stack = adaptor.make(&below);
    MemoryPool& pool = *stack.pool;
    uint8_t* block = nullptr;
    ASSERT_THAT(pool.Allocate(500, &block), IsOk());
    const uint8_t* const before = block;
    const int64_t below_before = below.bytes_allocated();
    below.throws = true;
    for (const int64_t size : {kLimit, kLimit, int64_t{10}}) {
      EXPECT_TRUE(Fails([&] { return pool.Reallocate(500, size, &block); })) << size;
    }
    EXPECT_EQ(block, before);
    EXPECT_EQ(pool.bytes_allocated(), 500);
    EXPECT_EQ(below.bytes_allocated(), below_before);
    EXPECT_EQ(Label::Current(), Label());
    below.throws = false;
    ASSERT_THAT(pool.Reallocate(500, kLimit, &block), IsOk());
    pool.Free(block, kLimit);
    EXPECT_EQ(pool.bytes_allocated(), 0);
    EXPECT_EQ(below.bytes_allocated(), 0);
  }
}

// AddressSanitizer does not see that a cancellation leaves the scope of variables.
#if !defined(__SANITIZE_ADDRESS__)

// Whether the call, on a thread of its own, ended with that thread's cancellation.
template <typename Call>
bool IsCancelledIn(const Call& call) {
  const auto run = [](void* what) -> void* {
    (*static_cast<const Call*>(what))();
    return nullptr;
  };
  pthread_t thread;
  EXPECT_EQ(::pthread_create(&thread, nullptr, run, const_cast<Call*>(&call)), 0);
  void* result = nullptr;
  EXPECT_EQ(::pthread_join(thread, &result), 0);
  return result == PTHREAD_CANCELED;
}

TEST(ThrowingPool, EveryAdaptorIsAsBeforeWhenAThreadIsCancelledBelowIt) {
  for (const Adaptor& adaptor : kAdaptors) {
    SCOPED_TRACE(adaptor.name);
    ThrowingPool below;
    const Stack stack = adaptor.make(&below);
    MemoryPool& pool = *stack.pool;
    uint8_t* block = nullptr;
    below.cancels = true;
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(IsCancelledIn([&] { (void)pool.Allocate(kLimit, &block); }));
    }
    EXPECT_EQ(block, nullptr);
    EXPECT_EQ(pool.bytes_allocated(), 0);
    EXPECT_EQ(pool.num_allocations(), 0);
    below.cancels = false;
    ASSERT_THAT(pool.Allocate(500, &block), IsOk());
    const uint8_t* const before = block;
    below.cancels = true;
    for (const int64_t size : {kLimit, kLimit, int64_t{10}}) {
      EXPECT_TRUE(IsCancelledIn([&] { (void)pool.Reallocate(500, size, &block); })) << size;
    }
    EXPECT_EQ(block, before);
    EXPECT_EQ(pool.bytes_allocated(), 500);
    below.cancels = false;
    // The full limit is available again.
    ASSERT_THAT(pool.Reallocate(500, kLimit, &block), IsOk());
    pool.Free(block, kLimit);
    EXPECT_EQ(pool.bytes_allocated(), 0);
    EXPECT_EQ(below.bytes_allocated(), 0);
  }
}

TEST(ThrowingPool, AThreadThatIsCancelledGivesBackWhatItHolds) {
  for (const Adaptor& adaptor : kAdaptors) {
    SCOPED_TRACE(adaptor.name);
    ThrowingPool below;
    const Stack stack = adaptor.make(&below);
    EXPECT_TRUE(IsCancelledIn([&] {
      const std::vector<uint8_t, stl::allocator<uint8_t>> held(kLimit, 1, stack.pool.get());
      ::pthread_cancel(::pthread_self());
      ::pthread_testcancel();
    }));
    EXPECT_EQ(stack.pool->bytes_allocated(), 0);
    uint8_t* block = nullptr;
    ASSERT_THAT(stack.pool->Allocate(kLimit, &block), IsOk());
    stack.pool->Free(block, kLimit);
  }
}

#endif

TEST(ThrowingPool, TheExceptionPassesThroughAnAdaptorAsItIs) {
  ThrowingPool below;
  CappedMemoryPool pool(&below, kLimit);
  below.throws = true;
  uint8_t* block = nullptr;
  try {
    (void)pool.Allocate(10, &block);
    FAIL() << "the pool below throws";
  } catch (const std::runtime_error& thrown) {
    EXPECT_STREQ(thrown.what(), "thrown below");
  }
}

TEST(ThrowingPool, ALoggingPoolWritesALineForACallThatThrew) {
  ThrowingPool below;
  std::ostringstream log;
  LoggingMemoryPool pool(&below, log);
  uint8_t* block = nullptr;
  below.throws = true;
  EXPECT_THROW((void)pool.Allocate(10, &block), std::runtime_error);
  EXPECT_EQ(log.str(), "Allocate: size = 10, alignment = 64, failed: threw an exception\n");
  log.str("");
  below.throws = false;
  ASSERT_THAT(pool.Allocate(10, &block), IsOk());
  log.str("");
  below.throws = true;
  EXPECT_THROW((void)pool.Reallocate(10, 20, &block), std::runtime_error);
  EXPECT_THAT(log.str(), HasSubstr("Reallocate: old_size = 10, new_size = 20"));
  EXPECT_THAT(log.str(), HasSubstr("failed: threw an exception\n"));
  pool.Free(block, 10);
}

}  // namespace
}  // namespace alkaid
