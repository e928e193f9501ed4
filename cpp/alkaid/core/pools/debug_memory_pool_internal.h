// The debug mode of pools: ALKAID_DEBUG_MEMORY_POOL = abort | trap | warn | none.
//
// In this mode the pools of CreateMemoryPool, CreateDefault and the functions of memory_pool.h are
// DebugMemoryPools. Each is over the allocator, or over the pool that a registered factory made. It
// knows each of its blocks (debug_blocks_internal.h). So a block that is not its own, or is not in
// use, never reaches the allocator, the pool's figures or observers. docs/pools.md lists what is
// caught, when, and at what cost.
//
// A reallocation always moves the block.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "alkaid/base/status.h"
#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/debug_blocks_internal.h"
#include "alkaid/core/pools/fault_report_internal.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::internal {

// An Allocator (base_memory_pool.h) around another one, with guards around each block. A copy works
// on the same blocks.
template <typename Wrapped>
class DebugAllocator {
 public:
  explicit DebugAllocator(Wrapped wrapped) : state_(std::make_shared<State>(std::move(wrapped))) {}

  Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) {
    TakenBlock taken = {nullptr, DebugLayout(size, alignment).bytes, alignment};
    Status status = wrapped().AllocateAligned(taken.bytes, alignment, &taken.start);
    if (!status.ok() && GiveBackFreed()) {
      status = wrapped().AllocateAligned(taken.bytes, alignment, &taken.start);
    }
    ALKAID_RETURN_NOT_OK(std::move(status));
    uint8_t* const data = blocks().Enter(taken, UsableSize(taken), size, alignment);
    if (data == nullptr) {
      GiveBack(taken);
      return status::OutOfMemory("allocate ", size, " bytes at alignment ", alignment,
                                 ": no memory for the record that the debug mode keeps of it");
    }
    *out = data;
    return absl::OkStatus();
  }

  Status ReallocateAligned(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) {
    uint8_t* moved = nullptr;
    ALKAID_RETURN_NOT_OK(AllocateAligned(new_size, alignment, &moved));
    std::memcpy(moved, *ptr, static_cast<size_t>(std::min(old_size, new_size)));
    Retire(DebugRequest::kReallocate, *ptr);
    *ptr = moved;
    return absl::OkStatus();
  }

  void DeallocateAligned(uint8_t* ptr, int64_t /*size*/, int64_t /*alignment*/) {
    Retire(DebugRequest::kFree, ptr);
  }

  void ReleaseUnused() {
    GiveBackFreed();
    wrapped().ReleaseUnused();
  }
  void PrintStats() { wrapped().PrintStats(); }
  std::string name() const { return state_->wrapped.name(); }

  DebugBlocks& blocks() { return state_->blocks; }

  // Checks the freed blocks and gives them back to the allocator. Returns whether there were any.
  bool GiveBackFreed() {
    TakenBlock taken;
    bool any = false;
    for (; blocks().TakeAnyFreed(&taken); any = true) GiveBack(taken);
    return any;
  }

 private:
  struct State {
    explicit State(Wrapped its_wrapped) : wrapped(std::move(its_wrapped)), blocks(wrapped.name()) {}
    Wrapped wrapped;
    DebugBlocks blocks;
  };

  Wrapped& wrapped() { return state_->wrapped; }

  // If the allocator reports how far it rounded up, all of that is guarded.
  int64_t UsableSize(const TakenBlock& taken) {
    if constexpr (requires { Wrapped::UsableSize(taken.start); }) {
      return Wrapped::UsableSize(taken.start);
    } else {
      return taken.bytes;
    }
  }

  void Retire(DebugRequest request, uint8_t* ptr) {
    blocks().Retire(request, ptr);
    for (TakenBlock taken; blocks().TakeFreed(&taken);) GiveBack(taken);
  }
  void GiveBack(const TakenBlock& taken) {
    wrapped().DeallocateAligned(taken.start, taken.bytes, taken.alignment);
  }

  std::shared_ptr<State> state_;
};

template <typename Wrapped>
class DebugMemoryPool final : public BaseMemoryPoolImpl<DebugAllocator<Wrapped>> {
  using Base = BaseMemoryPoolImpl<DebugAllocator<Wrapped>>;

 public:
  explicit DebugMemoryPool(Wrapped wrapped = Wrapped())
      : DebugMemoryPool(DebugAllocator<Wrapped>(std::move(wrapped))) {}
  ~DebugMemoryPool() override {
    allocator_.blocks().CheckNoneLive();
    allocator_.GiveBackFreed();
  }

  using MemoryPool::Free;
  using MemoryPool::Reallocate;

  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    // A request that is refused anyway concerns no block.
    if (old_size < 0 || !CheckRequest("reallocate to", new_size, alignment).ok() ||
        (old_size == 0 && IsNothing(*ptr))) {
      return Base::Reallocate(old_size, new_size, alignment, ptr);
    }
    const DebugBlocks::Claim claim =
        allocator_.blocks().ClaimBlock(DebugRequest::kReallocate, *ptr, old_size, alignment);
    if (claim.pool == this) return Base::Reallocate(claim.size, new_size, claim.alignment, ptr);
    if (claim.pool != nullptr) {
      return claim.pool->Reallocate(claim.size, new_size, claim.alignment, ptr);
    }
    return Base::Allocate(new_size, alignment, ptr);
  }

  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    if (size == 0 && IsNothing(buffer)) return Base::Free(buffer, size, alignment);
    const DebugBlocks::Claim claim =
        allocator_.blocks().ClaimBlock(DebugRequest::kFree, buffer, size, alignment);
    if (claim.pool == this) return Base::Free(buffer, claim.size, claim.alignment);
    if (claim.pool != nullptr) claim.pool->Free(buffer, claim.size, claim.alignment);
  }

 private:
  explicit DebugMemoryPool(const DebugAllocator<Wrapped>& allocator)
      : Base(allocator), allocator_(allocator) {
    allocator_.blocks().SetPool(this);
  }

  // What requests for 0 bytes get.
  static bool IsNothing(const uint8_t* block) {
    return block == zero_size_area || block == ZeroSizePointer(kMaxBufferAlignment);
  }

  DebugAllocator<Wrapped> allocator_;
};

// In the debug mode, a DebugMemoryPool over the pool; else the pool itself.
std::unique_ptr<MemoryPool> InDebugMode(std::unique_ptr<MemoryPool> pool);

}  // namespace alkaid::internal
