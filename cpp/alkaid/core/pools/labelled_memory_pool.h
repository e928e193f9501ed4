// A pool that labels its allocations, unless a nearer label applies.
//
// For a part of a program that takes a pool and knows nothing of labels. It has no figures of its
// own: they are the wrapped pool's.
//
// Ownership: borrows the pool, or shares it when given a shared_ptr. Threads: as the wrapped pool.
// Out of memory and other errors: as the wrapped pool.
#pragma once

#include <memory>

#include "alkaid/base/export.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/forwarding_memory_pool.h"

namespace alkaid {

class ALKAID_EXPORT LabelledMemoryPool final : public ForwardingMemoryPool {
 public:
  LabelledMemoryPool(PoolHandle pool, Label label);

  using MemoryPool::Allocate;
  using MemoryPool::Reallocate;

  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override;
  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override;

  Label label() const { return label_; }

 private:
  Label label_;
};

}  // namespace alkaid
