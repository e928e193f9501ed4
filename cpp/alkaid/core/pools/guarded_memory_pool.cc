#include "alkaid/core/pools/guarded_memory_pool.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "alkaid/core/observers/memory_events.h"
#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/checked_allocation.h"
#include "alkaid/core/pools/debug_memory_pool_internal.h"
#include "alkaid/core/pools/guarded_allocator_internal.h"
#include "alkaid/core/pools/guarded_sampler_internal.h"
#include "alkaid/core/pools/guarded_slots_internal.h"
#include "alkaid/core/pools/memory_pool_backends_internal.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/print_stats_internal.h"

namespace alkaid {

Result<std::unique_ptr<MemoryPool>> CreateGuardedMemoryPool(const std::string& backend,
                                                            const GuardedSampling& sampling) {
  for (const int64_t number : {sampling.blocks, sampling.bytes}) {
    if (number < 0 || number > GuardedSampling::kMax) {
      return status::Invalid("create guarded memory pool: one allocation in ", number,
                             " is to be guarded; it can be one in 1 to ", GuardedSampling::kMax);
    }
  }
  auto pool = internal::CreateMemoryPoolThatGuards(backend, sampling);
  if (pool.ok() && sampling.on() && !internal::MemoryDebugOn() &&
      dynamic_cast<internal::GuardingPool*>(pool->get()) == nullptr &&
      dynamic_cast<GuardedMemoryPool*>(pool->get()) == nullptr) {
    return status::FailedPrecondition(
        "create guarded memory pool: the backend '", backend,
        "' makes a pool that is not over an allocator, so its blocks cannot be guarded; put a "
        "GuardedMemoryPool over the pool that it takes its blocks from");
  }
  return pool;
}

// What a pool needs for guarding; kept out of the header.
struct GuardedMemoryPool::Guard {
  Guard(const MemoryPool* pool, const GuardedSampling& sampling, const MemoryPool& below)
      : sampler(sampling),
        region(internal::GuardedRegion()),
        owner(pool, below.backend_name(), internal::GuardedAccount::kOther),
        is_over_plain_allocator(dynamic_cast<const internal::PoolOverAllocator*>(&below) !=
                                    nullptr &&
                                dynamic_cast<const internal::GuardingPool*>(&below) == nullptr) {}

  // Excludes blocks that the pool below guards itself. If that pool is over a plain allocator,
  // which knows no guarded blocks, another pool's guarded blocks are reported here.
  bool Has(const uint8_t* ptr) const {
    return internal::IsInGuardedRegion(region, ptr) &&
           (is_over_plain_allocator || internal::IsGuardedBlockOf(owner.pool, ptr));
  }

  const internal::ByteSampler sampler;
  const uint64_t region;
  const internal::GuardedOwner owner;
  const bool is_over_plain_allocator;
};

GuardedMemoryPool::GuardedMemoryPool(PoolHandle pool, const GuardedSampling& sampling)
    : ForwardingMemoryPool(std::move(pool)),
      guard_(std::make_unique<Guard>(this, sampling, *wrapped())) {
  counters_.Describe(this, "guarded over " + wrapped()->backend_name());
}

GuardedMemoryPool::~GuardedMemoryPool() = default;

Status GuardedMemoryPool::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  if (size > 0 && internal::IsValidAlignment(alignment) && guard_->sampler.Takes(size))
      [[unlikely]] {
    uint8_t* const block = internal::AllocateGuarded(size, alignment, guard_->owner);
    if (block != nullptr) {
      *out = block;
      counters_.DidAllocate(size);
      if (internal::BlockEventsOn()) internal::NotifyAllocate(this, block, size, alignment);
      return absl::OkStatus();
    }
  }
  ALKAID_RETURN_NOT_OK(internal::AllocateChecked(wrapped(), size, alignment, out));
  counters_.DidAllocate(size);
  return absl::OkStatus();
}

Status GuardedMemoryPool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                                     uint8_t** ptr) {
  const bool is_guarded = guard_->Has(*ptr);
  const bool takes =
      old_size > 0 && new_size > old_size && guard_->sampler.Takes(new_size - old_size);
  if (is_guarded || takes) [[unlikely]] {
    ALKAID_RETURN_NOT_OK(internal::CheckRequest("reallocate from", old_size, alignment));
    ALKAID_RETURN_NOT_OK(internal::CheckRequest("reallocate to", new_size, alignment));
    ALKAID_RETURN_NOT_OK(is_guarded ? LeaveSlot(old_size, new_size, alignment, takes, ptr)
                                    : EnterSlot(old_size, new_size, alignment, ptr));
  } else {
    ALKAID_RETURN_NOT_OK(
        internal::ReallocateChecked(wrapped(), old_size, new_size, alignment, ptr));
  }
  counters_.DidReallocate(old_size, new_size);
  return absl::OkStatus();
}

// A block of the pool below is due for guarding. Observers see a new block.
Status GuardedMemoryPool::EnterSlot(int64_t old_size, int64_t new_size, int64_t alignment,
                                    uint8_t** ptr) {
  uint8_t* const block = internal::AllocateGuarded(new_size, alignment, guard_->owner);
  if (block == nullptr) {
    return internal::ReallocateChecked(wrapped(), old_size, new_size, alignment, ptr);
  }
  if (internal::BlockEventsOn()) internal::NotifyAllocate(this, block, new_size, alignment);
  std::memcpy(block, *ptr, static_cast<size_t>(old_size));
  wrapped()->Free(*ptr, old_size, alignment);
  *ptr = block;
  return absl::OkStatus();
}

// As GuardedAllocator::Move.
Status GuardedMemoryPool::LeaveSlot(int64_t old_size, int64_t new_size, int64_t alignment,
                                    bool takes, uint8_t** ptr) {
  uint8_t* const old = *ptr;
  const internal::GuardedClaim claim = {old, guard_->owner, old_size, alignment};
  internal::CheckGuarded(claim);
  if (new_size > 0 && new_size <= old_size) {
    internal::ObservedReallocation observed(this, old, old_size, alignment);
    internal::ShrinkGuarded(claim, new_size);
    observed.Ended(old, new_size);
    return absl::OkStatus();
  }
  if (takes) {
    if (uint8_t* const block = internal::AllocateGuarded(new_size, alignment, guard_->owner)) {
      internal::ObservedReallocation observed(this, old, old_size, alignment);
      std::memcpy(block, old, static_cast<size_t>(old_size));
      internal::FreeGuarded(claim);
      *ptr = block;
      observed.Ended(block, new_size);
      return absl::OkStatus();
    }
  }
  uint8_t* block = nullptr;
  ALKAID_RETURN_NOT_OK(internal::AllocateChecked(wrapped(), new_size, alignment, &block));
  std::memcpy(block, old, static_cast<size_t>(std::min(old_size, new_size)));
  if (internal::BlockEventsOn()) internal::NotifyFree(this, old, old_size);
  internal::FreeGuarded(claim);
  *ptr = block;
  return absl::OkStatus();
}

void GuardedMemoryPool::Free(uint8_t* buffer, int64_t size, int64_t alignment) {
  if (guard_->Has(buffer)) [[unlikely]] {
    if (internal::BlockEventsOn()) internal::NotifyFree(this, buffer, size);
    counters_.DidFree(size);
    return internal::FreeGuarded({buffer, guard_->owner, size, alignment});
  }
  wrapped()->Free(buffer, size, alignment);
  counters_.DidFree(size);
}

void GuardedMemoryPool::PrintStats() {
  internal::PrintAdaptorStats("guarded pool", *this);
  internal::PrintGuardedStatistics();
  wrapped()->PrintStats();
}

int64_t GuardedMemoryPool::bytes_allocated() const { return counters_.bytes_allocated(); }
int64_t GuardedMemoryPool::max_memory() const { return counters_.max_memory(); }
int64_t GuardedMemoryPool::total_bytes_allocated() const {
  return counters_.total_bytes_allocated();
}
int64_t GuardedMemoryPool::num_allocations() const { return counters_.num_allocations(); }

}  // namespace alkaid
