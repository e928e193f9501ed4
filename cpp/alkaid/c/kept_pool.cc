#include <atomic>
#include <cstdint>
#include <utility>

#include "alkaid/c/kept_pool_internal.h"
#include "alkaid/core/pools/forwarding_memory_pool.h"

namespace alkaid::c {
namespace {

class KeptPool final : public ForwardingMemoryPool {
 public:
  explicit KeptPool(std::shared_ptr<MemoryPool> below) : ForwardingMemoryPool(std::move(below)) {}

  using MemoryPool::Allocate;
  using MemoryPool::Free;

  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    Status status = wrapped()->Allocate(size, alignment, out);
    if (status.ok()) users_.fetch_add(1, std::memory_order_relaxed);
    return status;
  }
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    wrapped()->Free(buffer, size, alignment);
    Leave();
  }
  // Called for a block, or for the shared_ptr.
  void Leave() {
    if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 private:
  std::atomic<int64_t> users_{1};
};

}  // namespace

std::shared_ptr<MemoryPool> KeptWithBlocks(std::shared_ptr<MemoryPool> below) {
  return std::shared_ptr<KeptPool>(new KeptPool(std::move(below)),
                                   [](KeptPool* pool) { pool->Leave(); });
}

}  // namespace alkaid::c
