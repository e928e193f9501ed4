// PoolHandle: a pool that is borrowed or shared. A parameter of this type takes both:
//
//   MemoryPool* pool = ...;
//   AllocateBuffer(1000, pool);    // borrowed: the pool must outlive the buffer
//   std::shared_ptr<CappedMemoryPool> capped = ...;
//   AllocateBuffer(1000, capped);  // shared: the buffer keeps the pool alive
//
// A handle of null stands for the default pool, unless the function says otherwise.
//
// Ownership: as it was made; copies are of the same kind. A borrowed pool costs no count. Threads: as a
// std::shared_ptr. Out of memory: std::bad_alloc, from a unique_ptr only, which then keeps the pool.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <utility>

#include "alkaid/core/pools/memory_pool.h"

namespace alkaid {

class PoolHandle {
 public:
  // These are implicit: the type exists to be passed a pool.
  // NOLINTBEGIN(google-explicit-constructor)
  constexpr PoolHandle() noexcept = default;
  constexpr PoolHandle(std::nullptr_t) noexcept {}
  // Borrows.
  PoolHandle(MemoryPool* pool) noexcept : pool_(std::shared_ptr<void>(), pool) {}
  // These two share.
  template <std::derived_from<MemoryPool> Pool>
  PoolHandle(std::shared_ptr<Pool> pool) noexcept : pool_(std::move(pool)) {}
  template <std::derived_from<MemoryPool> Pool>
  PoolHandle(std::unique_ptr<Pool> pool) : pool_(std::move(pool)) {}
  // NOLINTEND(google-explicit-constructor)

  MemoryPool* get() const noexcept { return pool_.get(); }
  MemoryPool& operator*() const noexcept { return *pool_; }
  MemoryPool* operator->() const noexcept { return pool_.get(); }
  explicit operator bool() const noexcept { return pool_ != nullptr; }

  friend bool operator==(const PoolHandle& a, std::nullptr_t) noexcept { return !a; }

  // This pool; the default pool in place of null, whose errors are default_memory_pool()'s.
  PoolHandle OrDefault() const { return pool_ != nullptr ? *this : default_memory_pool(); }

  // Whether it keeps the pool alive.
  bool is_shared() const noexcept { return pool_.use_count() != 0; }

 private:
  std::shared_ptr<MemoryPool> pool_;  // owns nothing when borrowed
};

}  // namespace alkaid
