#include <cstdio>

#include "alkaid/core/observers/unseen_events.h"
#include "alkaid/core/pools/checked_allocation.h"
#include "alkaid/core/pools/debug_memory_pool_internal.h"

namespace alkaid::internal {
namespace {

// An Allocator over a pool that the program made. That pool's events are not passed on to
// observers, because the DebugMemoryPool over it reports the same blocks as the caller sees them.
class PoolAsAllocator {
 public:
  explicit PoolAsAllocator(std::unique_ptr<MemoryPool> pool) : pool_(std::move(pool)) {}

  Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) {
    const UnseenEvents unseen;
    return AllocateChecked(pool_.get(), size, alignment, out);
  }
  // A DebugAllocator reallocates by allocating.
  Status ReallocateAligned(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) {
    const UnseenEvents unseen;
    return ReallocateChecked(pool_.get(), old_size, new_size, alignment, ptr);
  }
  void DeallocateAligned(uint8_t* ptr, int64_t size, int64_t alignment) {
    const UnseenEvents unseen;
    pool_->Free(ptr, size, alignment);
  }
  void ReleaseUnused() { pool_->ReleaseUnused(); }
  void PrintStats() {
    std::fputs("below it, with what the debug mode adds to each block:\n", stderr);
    pool_->PrintStats();
  }
  std::string name() const { return pool_->backend_name(); }

 private:
  std::unique_ptr<MemoryPool> pool_;
};

}  // namespace

std::unique_ptr<MemoryPool> InDebugMode(std::unique_ptr<MemoryPool> pool) {
  // A factory may return what another factory made.
  if (!MemoryDebugOn() || DebugBlocks::AreOf(pool.get())) return pool;
  return std::make_unique<DebugMemoryPool<PoolAsAllocator>>(PoolAsAllocator(std::move(pool)));
}

}  // namespace alkaid::internal
