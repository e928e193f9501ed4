// std::pmr memory resources and pools, each over the other.
//
//   PoolMemoryResource resource(pool);
//   std::pmr::vector<double> values(&resource);
//   MemoryResourcePool arena(&a_monotonic_resource);
//
// The first two count a container's memory in a pool; the third is a pool over a resource.
//
// Ownership: PoolMemoryResource borrows its pool, or shares it when given a shared_ptr;
// MemoryResourcePool borrows its resource.
// Threads: each as thread-safe as what it is built on. A pool over std::pmr::new_delete_resource()
// or synchronized_pool_resource serves several threads; one over monotonic_buffer_resource does
// not.
// Out of memory: PoolMemoryResource throws stl::BadAlloc (a std::bad_alloc that says why), as
// std::pmr asks; MemoryResourcePool turns the resource's exception into kResourceExhausted.
#pragma once

#include <cstddef>
#include <memory>
#include <memory_resource>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/pool_handle.h"

namespace alkaid {

// A memory resource over a pool. Two are equal if they are over the same pool.
//
// do_allocate throws stl::BadAlloc for more bytes than an int64_t holds, for an alignment above
// kMaxBufferAlignment, and if the pool refuses.
class ALKAID_EXPORT PoolMemoryResource final : public std::pmr::memory_resource {
 public:
  explicit PoolMemoryResource(PoolHandle pool = default_memory_pool());
  ~PoolMemoryResource() override;

  MemoryPool* pool() const { return pool_.get(); }

 private:
  void* do_allocate(size_t bytes, size_t alignment) override;
  void do_deallocate(void* block, size_t bytes, size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override;

  PoolHandle pool_;
};

namespace internal {

// The Allocator (base_memory_pool.h) of MemoryResourcePool.
class ALKAID_EXPORT MemoryResourceAllocator {
 public:
  explicit MemoryResourceAllocator(std::pmr::memory_resource* resource) : resource_(resource) {}

  Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out);
  // Resources cannot resize: this is a new block, a copy, and a free.
  Status ReallocateAligned(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr);
  void DeallocateAligned(uint8_t* ptr, int64_t size, int64_t alignment);
  void ReleaseUnused() {}
  void PrintStats() {}
  std::string name() const { return "pmr"; }

  std::pmr::memory_resource* resource() const { return resource_; }

 private:
  std::pmr::memory_resource* resource_;
};

}  // namespace internal

// A pool over a memory resource. Resizing always copies. backend_name() is "pmr".
class ALKAID_EXPORT MemoryResourcePool final
    : public BaseMemoryPoolImpl<internal::MemoryResourceAllocator> {
 public:
  explicit MemoryResourcePool(
      std::pmr::memory_resource* resource = std::pmr::get_default_resource());
  ~MemoryResourcePool() override;
};

}  // namespace alkaid
