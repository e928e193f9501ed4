// An Allocator (base_memory_pool.h) around another one that serves some blocks from guarded slots,
// and the pool over it. An allocation that is not guarded costs four instructions more (with
// BlockSampler), and so does a free.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/guarded_sampler_internal.h"
#include "alkaid/core/pools/guarded_slots_internal.h"

namespace alkaid::internal {

template <typename Wrapped, typename Sampler>
class GuardedAllocator {
 public:
  explicit GuardedAllocator(const GuardedSampling& sampling)
      : sampler_(sampling),
        region_(GuardedRegion()),
        owner_(nullptr, wrapped_.name(), GuardedAccountOf(wrapped_.name())) {}

  // The pool that reports name.
  void SetPool(const MemoryPool* pool) { owner_.pool = pool; }

  Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) {
    if (sampler_.Takes(size)) [[unlikely]]
      return AllocateOneGuarded(size, alignment, out);
    return wrapped_.AllocateAligned(size, alignment, out);
  }

  Status ReallocateAligned(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) {
    const bool is_guarded = IsInGuardedRegion(region_, *ptr);
    const bool takes = new_size > old_size && sampler_.Takes(new_size - old_size);
    if (is_guarded || takes) [[unlikely]]
      return Move(old_size, new_size, alignment, is_guarded, takes, ptr);
    return wrapped_.ReallocateAligned(old_size, new_size, alignment, ptr);
  }

  void DeallocateAligned(uint8_t* ptr, int64_t size, int64_t alignment) {
    if (IsInGuardedRegion(region_, ptr)) [[unlikely]]
      return FreeOneGuarded(ptr, size, alignment);
    wrapped_.DeallocateAligned(ptr, size, alignment);
  }

  // Checks a guarded block that is freed as zero bytes: otherwise it would stay live for ever.
  void CheckIsNothing(uint8_t* ptr, int64_t alignment) const {
    if (IsInGuardedRegion(region_, ptr)) CheckGuarded({ptr, owner_, 0, alignment});
  }

  void ReleaseUnused() { wrapped_.ReleaseUnused(); }
  void PrintStats() {
    PrintGuardedStatistics();
    wrapped_.PrintStats();
  }
  std::string name() const { return wrapped_.name(); }

 private:
  [[gnu::noinline]] Status AllocateOneGuarded(int64_t size, int64_t alignment, uint8_t** out) {
    uint8_t* const block = AllocateGuarded(size, alignment, owner_);
    if (block == nullptr) return wrapped_.AllocateAligned(size, alignment, out);
    *out = block;
    return absl::OkStatus();
  }

  // Not inlined: a claim takes room on the stack, for which the usual path would have to pay too.
  [[gnu::noinline]] void FreeOneGuarded(uint8_t* ptr, int64_t size, int64_t alignment) {
    FreeGuarded({ptr, owner_, size, alignment});
  }

  // Moves a block that is guarded or is to be. One that shrinks stays in place. One that grows
  // moves to a slot if `takes`, else to the allocator, so that growing in small steps does not copy
  // it each time.
  [[gnu::noinline]] Status Move(int64_t old_size, int64_t new_size, int64_t alignment,
                                bool is_guarded, bool takes, uint8_t** ptr) {
    const GuardedClaim claim = {*ptr, owner_, old_size, alignment};
    if (is_guarded && new_size <= old_size) {
      ShrinkGuarded(claim, new_size);
      return absl::OkStatus();
    }
    if (is_guarded) CheckGuarded(claim);
    uint8_t* block = takes ? AllocateGuarded(new_size, alignment, owner_) : nullptr;
    if (block == nullptr) {
      if (!is_guarded) return wrapped_.ReallocateAligned(old_size, new_size, alignment, ptr);
      ALKAID_RETURN_NOT_OK(wrapped_.AllocateAligned(new_size, alignment, &block));
    }
    std::memcpy(block, *ptr, static_cast<size_t>(std::min(old_size, new_size)));
    if (is_guarded) {
      FreeGuarded(claim);
    } else {
      wrapped_.DeallocateAligned(*ptr, old_size, alignment);
    }
    *ptr = block;
    return absl::OkStatus();
  }

  [[no_unique_address]] Wrapped wrapped_;
  Sampler sampler_;
  uint64_t region_;
  GuardedOwner owner_;
};

// The base of all pools over guarded allocators.
class GuardingPool {
 protected:
  virtual ~GuardingPool() = default;
};

template <typename Wrapped, typename Sampler>
class GuardedPool final : public BaseMemoryPoolImpl<GuardedAllocator<Wrapped, Sampler>>,
                          public GuardingPool {
 public:
  using Allocator = GuardedAllocator<Wrapped, Sampler>;
  using Base = BaseMemoryPoolImpl<Allocator>;
  using Base::Reallocate;

  explicit GuardedPool(const GuardedSampling& sampling) : Base(Allocator(sampling)) {
    this->allocator()->SetPool(this);
  }

  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    if (old_size == 0) [[unlikely]]
      this->allocator()->CheckIsNothing(*ptr, alignment);
    return Base::Reallocate(old_size, new_size, alignment, ptr);
  }
};

template <typename Wrapped>
std::unique_ptr<MemoryPool> MakeGuardedPool(const GuardedSampling& sampling) {
  if (sampling.bytes == 0) return std::make_unique<GuardedPool<Wrapped, BlockSampler>>(sampling);
  return std::make_unique<GuardedPool<Wrapped, ByteSampler>>(sampling);
}

}  // namespace alkaid::internal
