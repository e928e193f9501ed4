#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/core/pools/capped_memory_pool.h"
#include "alkaid/core/pools/forwarding_memory_pool.h"
#include "alkaid/core/pools/pmr.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/core/pools/quota_memory_pool.h"
#include "alkaid/core/pools/stl_allocator.h"
#include "alkaid/testing/matchers.h"

namespace alkaid {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A program's own pool that returns OK with something that is not a block.
class FaultyPool final : public ForwardingMemoryPool {
 public:
  enum Fault { kNone, kNull, kUntouched, kMisaligned };

  FaultyPool() : ForwardingMemoryPool(std::shared_ptr<MemoryPool>(MemoryPool::CreateDefault())) {}

  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;

  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    if (fault == kNull) *out = nullptr;
    if (fault == kNull || fault == kUntouched) return absl::OkStatus();
    ALKAID_RETURN_NOT_OK(wrapped()->Allocate(size + shift(), alignment, out));
    *out += shift();
    return absl::OkStatus();
  }
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    if (fault == kNull) {
      *ptr = nullptr;
      return absl::OkStatus();
    }
    return wrapped()->Reallocate(old_size, new_size, alignment, ptr);
  }
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    freed.push_back(buffer);
    wrapped()->Free(buffer - shift(), size + shift(), alignment);
  }
  std::string backend_name() const override { return "faulty"; }

  Fault fault = kNone;
  std::vector<const uint8_t*> freed;

 private:
  int64_t shift() const { return fault == kMisaligned ? 1 : 0; }
};

// Ways to take 128 bytes at an alignment of 64 from a pool, and to give back what it gave.
Status FromAProxy(MemoryPool* pool) {
  ProxyMemoryPool proxy(pool);
  uint8_t* block = nullptr;
  const Status status = proxy.Allocate(128, &block);
  if (status.ok()) proxy.Free(block, 128);
  EXPECT_EQ(proxy.num_allocations(), status.ok() ? 1 : 0);
  EXPECT_EQ(proxy.bytes_allocated(), 0);
  return status;
}

Status FromACappedPool(MemoryPool* pool) {
  CappedMemoryPool capped(pool, 1000);
  uint8_t* block = nullptr;
  const Status status = capped.Allocate(128, &block);
  if (status.ok()) capped.Free(block, 128);
  EXPECT_EQ(capped.bytes_allocated(), 0);
  EXPECT_THAT(capped.Reallocate(0, 1001, &block).message(), HasSubstr("of which 0 are in use"));
  return status;
}

Status FromAQuotaPool(MemoryPool* pool) {
  QuotaMemoryPool quota(pool, 1000);
  uint8_t* block = nullptr;
  const Status status = quota.Allocate(128, &block);
  if (status.ok()) quota.Free(block, 128);
  EXPECT_EQ(quota.bytes_allocated(), 0);
  EXPECT_THAT(quota.Reallocate(0, 1001, &block).message(), HasSubstr("of which 0 are in use"));
  return status;
}

Status FromAnStlAllocator(MemoryPool* pool) {
  try {
    stl::allocator<int64_t> values(pool);
    values.deallocate(values.allocate(16), 16);
  } catch (const stl::BadAlloc& refused) {
    return refused.status();
  }
  return absl::OkStatus();
}

Status FromAMemoryResource(MemoryPool* pool) {
  try {
    PoolMemoryResource resource(pool);
    resource.deallocate(resource.allocate(128, 64), 128, 64);
  } catch (const stl::BadAlloc& refused) {
    return refused.status();
  }
  return absl::OkStatus();
}

const std::function<Status(MemoryPool*)> kWays[] = {FromAProxy, FromACappedPool, FromAQuotaPool,
                                                    FromAnStlAllocator, FromAMemoryResource};

TEST(CheckedAllocation, AnOkWithoutABlockIsRefusedNamingThePool) {
  FaultyPool pool;
  for (const auto& way : kWays) {
    ASSERT_THAT(way(&pool), IsOk());
    pool.freed.clear();
    for (const auto fault : {FaultyPool::kNull, FaultyPool::kUntouched}) {
      pool.fault = fault;
      EXPECT_THAT(way(&pool), StatusIs(StatusCode::kResourceExhausted,
                                       AllOf(HasSubstr("faulty"), HasSubstr("128 bytes"),
                                             HasSubstr("alignment 64"), HasSubstr("no block"))));
      EXPECT_TRUE(pool.freed.empty()) << "there is nothing to give back";
    }
    pool.fault = FaultyPool::kNone;
  }
}

TEST(CheckedAllocation, AMisalignedBlockIsRefusedNamingItAndGivenBack) {
  FaultyPool pool;
  for (const auto& way : kWays) {
    pool.freed.clear();
    pool.fault = FaultyPool::kMisaligned;
    const Status status = way(&pool);
    ASSERT_EQ(pool.freed.size(), 1u);
    EXPECT_THAT(
        status,
        StatusIs(StatusCode::kResourceExhausted,
                 AllOf(HasSubstr("faulty"), HasSubstr("128 bytes"), HasSubstr("alignment 64"),
                       HasSubstr(absl::StrCat(
                           "0x", absl::Hex(reinterpret_cast<uintptr_t>(pool.freed[0])))))));
    EXPECT_EQ(pool.bytes_allocated(), 0);
  }
}

// As a pool that does not check what realloc() returned: the block stays as it was.
TEST(CheckedAllocation, AReallocationToNothingIsRefusedAndTheBlockStays) {
  FaultyPool below;
  ProxyMemoryPool proxy(&below);
  CappedMemoryPool capped(&below, 1000);
  QuotaMemoryPool quota(&below, 1000);
  for (MemoryPool* pool : {static_cast<MemoryPool*>(&proxy), static_cast<MemoryPool*>(&capped),
                           static_cast<MemoryPool*>(&quota)}) {
    uint8_t* block = nullptr;
    ASSERT_THAT(pool->Allocate(100, &block), IsOk());
    const uint8_t* const before = block;
    below.fault = FaultyPool::kNull;
    for (const int64_t size : {900, 900, 10}) {
      EXPECT_THAT(pool->Reallocate(100, size, &block),
                  StatusIs(StatusCode::kResourceExhausted,
                           AllOf(HasSubstr("faulty"), HasSubstr(absl::StrCat(size, " bytes")))));
      EXPECT_EQ(block, before);
      EXPECT_EQ(pool->bytes_allocated(), 100);
    }
    below.fault = FaultyPool::kNone;
    ASSERT_THAT(pool->Reallocate(100, 1000, &block), IsOk());
    pool->Free(block, 1000);
    EXPECT_EQ(pool->bytes_allocated(), 0);
  }
}

}  // namespace
}  // namespace alkaid
