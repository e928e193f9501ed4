// The base of every adaptor: a pool that forwards everything to another pool.
//
// A derived class overrides what it does differently, and calls the rest through `wrapped()`:
//
//   class SlowMemoryPool : public alkaid::ForwardingMemoryPool {
//    public:
//     explicit SlowMemoryPool(PoolHandle pool) : ForwardingMemoryPool(std::move(pool)) {}
//     using ForwardingMemoryPool::Allocate;  // the forms that an override would hide
//     Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override { ... }
//   };
//
// An adaptor emits no memory events: the pool that serves a block does.
//
// If the pool below throws, the exception passes through every adaptor of the library, whose state
// is then as after a refusal. An adaptor with its own accounts must do the same.
//
// Ownership: borrows the pool, or shares it when given a shared_ptr; it may not be null. Threads,
// out of memory and other errors: as the wrapped pool.
#pragma once

#include <memory>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/core/pools/pool_handle.h"

namespace alkaid {

class ALKAID_EXPORT ForwardingMemoryPool : public MemoryPool {
 public:
  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;

  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override;
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override;
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override;

  void ReleaseUnused() override;
  void PrintStats() override;

  int64_t bytes_allocated() const override;
  int64_t max_memory() const override;
  int64_t total_bytes_allocated() const override;
  int64_t num_allocations() const override;
  std::string backend_name() const override;

 protected:
  explicit ForwardingMemoryPool(PoolHandle pool);

  MemoryPool* wrapped() const { return pool_.get(); }

 private:
  PoolHandle pool_;
};

}  // namespace alkaid
