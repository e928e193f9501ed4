#include "alkaid/core/pools/pool_handle.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "alkaid/core/pools/proxy_memory_pool.h"

namespace alkaid {
namespace {

MemoryPool* PoolOf(PoolHandle pool) { return pool.get(); }

TEST(PoolHandle, IsNullByDefaultAndFromNull) {
  EXPECT_EQ(PoolHandle().get(), nullptr);
  EXPECT_EQ(PoolOf(nullptr), nullptr);
  EXPECT_EQ(PoolOf(static_cast<MemoryPool*>(nullptr)), nullptr);
  EXPECT_EQ(PoolOf(std::shared_ptr<MemoryPool>()), nullptr);
  EXPECT_FALSE(PoolHandle());
  EXPECT_TRUE(PoolHandle() == nullptr);
  EXPECT_EQ(PoolHandle().OrDefault().get(), default_memory_pool());
  EXPECT_FALSE(PoolHandle().is_shared());
}

TEST(PoolHandle, BorrowsFromAPointerOfAnyPool) {
  ProxyMemoryPool proxy(default_memory_pool());
  const PoolHandle handle(&proxy);
  EXPECT_EQ(handle.get(), &proxy);
  EXPECT_EQ(&*handle, &proxy);
  EXPECT_TRUE(handle);
  EXPECT_FALSE(handle.is_shared());
  EXPECT_TRUE(handle != nullptr);
  EXPECT_EQ(handle.OrDefault().get(), &proxy);
  EXPECT_EQ(PoolOf(&proxy), &proxy);
}

TEST(PoolHandle, SharesFromASharedPointerOfAnyPool) {
  auto proxy = std::make_shared<ProxyMemoryPool>(default_memory_pool());
  const std::weak_ptr<ProxyMemoryPool> alive = proxy;
  PoolHandle handle = proxy;
  EXPECT_TRUE(handle.is_shared());
  proxy.reset();
  ASSERT_FALSE(alive.expired());
  const PoolHandle copy = handle;
  handle = nullptr;
  EXPECT_EQ(copy.get(), alive.lock().get());
}

TEST(PoolHandle, TakesOverAUniquePointer) {
  auto proxy = std::make_unique<ProxyMemoryPool>(default_memory_pool());
  const MemoryPool* const address = proxy.get();
  const PoolHandle handle = std::move(proxy);
  EXPECT_EQ(handle.get(), address);
  EXPECT_TRUE(handle.is_shared());
  EXPECT_EQ(handle->bytes_allocated(), 0);
}

}  // namespace
}  // namespace alkaid
