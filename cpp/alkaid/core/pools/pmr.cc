#include "alkaid/core/pools/pmr.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <limits>
#include <utility>

#include "alkaid/core/pools/checked_allocation.h"
#include "alkaid/core/pools/stl_allocator.h"

namespace alkaid {

PoolMemoryResource::PoolMemoryResource(PoolHandle pool) : pool_(std::move(pool)) {}
PoolMemoryResource::~PoolMemoryResource() = default;

void* PoolMemoryResource::do_allocate(size_t bytes, size_t alignment) {
  constexpr size_t kLimit = std::numeric_limits<int64_t>::max();
  if (bytes > kLimit || alignment > kLimit) {
    throw stl::BadAlloc(status::OutOfMemory("memory resource: ", bytes, " bytes aligned to ",
                                            alignment, " pass the limit of ", kLimit));
  }
  uint8_t* block = nullptr;
  Status status = internal::AllocateChecked(pool_.get(), static_cast<int64_t>(bytes),
                                            static_cast<int64_t>(alignment), &block);
  if (!status.ok()) throw stl::BadAlloc(std::move(status));
  return block;
}

void PoolMemoryResource::do_deallocate(void* block, size_t bytes, size_t alignment) {
  pool_->Free(static_cast<uint8_t*>(block), static_cast<int64_t>(bytes),
              static_cast<int64_t>(alignment));
}

bool PoolMemoryResource::do_is_equal(const std::pmr::memory_resource& other) const noexcept {
  const auto* that = dynamic_cast<const PoolMemoryResource*>(&other);
  return that != nullptr && that->pool() == pool();
}

namespace internal {

Status MemoryResourceAllocator::AllocateAligned(int64_t size, int64_t alignment,
                                                uint8_t** out) try {
  *out = static_cast<uint8_t*>(
      resource_->allocate(static_cast<size_t>(size), static_cast<size_t>(alignment)));
  return absl::OkStatus();
} catch (const std::exception& refusal) {
  return status::OutOfMemory("allocate ", size, " bytes aligned to ", alignment,
                             ": the memory resource threw ", refusal.what());
}

Status MemoryResourceAllocator::ReallocateAligned(int64_t old_size, int64_t new_size,
                                                  int64_t alignment, uint8_t** ptr) {
  uint8_t* fresh = nullptr;
  ALKAID_RETURN_NOT_OK(AllocateAligned(new_size, alignment, &fresh));
  std::memcpy(fresh, *ptr, static_cast<size_t>(std::min(old_size, new_size)));
  DeallocateAligned(*ptr, old_size, alignment);
  *ptr = fresh;
  return absl::OkStatus();
}

void MemoryResourceAllocator::DeallocateAligned(uint8_t* ptr, int64_t size, int64_t alignment) {
  resource_->deallocate(ptr, static_cast<size_t>(size), static_cast<size_t>(alignment));
}

}  // namespace internal

MemoryResourcePool::MemoryResourcePool(std::pmr::memory_resource* resource)
    : BaseMemoryPoolImpl(internal::MemoryResourceAllocator(resource)) {}
MemoryResourcePool::~MemoryResourcePool() = default;

}  // namespace alkaid
