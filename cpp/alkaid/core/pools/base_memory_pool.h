// BaseMemoryPoolImpl<Allocator>: what all pools over an allocator have in common.
//
// It checks sizes and alignments by one rule for all backends, serves zero-size requests, counts,
// and emits the memory events; the Allocator only allocates. The built-in backends are this
// template over three small allocators; so are STLMemoryPool and MemoryResourcePool.
//
// To add a backend, write an Allocator and register a factory (memory_pool_registry.h). If
// AllocateAligned or ReallocateAligned throws, the exception passes through the pool, whose state
// is then as after a refusal: nothing is counted, and observers see that the block stayed. The
// other functions must not throw, except name() while the pool is made:
//
//   struct MyAllocator {
//     // size > 0, alignment a power of two up to kMaxBufferAlignment.
//     // Out of memory: OutOfMemory(), *out untouched.
//     Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out);
//     // Both sizes > 0. On failure the block stays as it was.
//     Status ReallocateAligned(int64_t old_size, int64_t new_size, int64_t alignment,
//                              uint8_t** ptr);
//     void DeallocateAligned(uint8_t* ptr, int64_t size, int64_t alignment);
//     void ReleaseUnused();
//     void PrintStats();         // the allocator's own figures, to stderr
//     std::string name() const;  // what backend_name() answers
//   };
//
// Ownership: the pool holds its Allocator by value. Threads: as safe as the Allocator's functions,
// which several threads call at once. Out of memory: the Allocator's status is passed on and
// nothing is counted.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "alkaid/base/checked_math.h"
#include "alkaid/base/export.h"
#include "alkaid/core/observers/memory_events.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/thread_counters.h"

namespace alkaid {

namespace internal {

// What zero-size requests return; nothing is ever read or written there.
ALKAID_EXPORT extern uint8_t zero_size_area[];
inline uint8_t* ZeroSizePointer(int64_t alignment) {
  // For larger alignments the pointer is only a number, aligned for all of them.
  return alignment <= kDefaultBufferAlignment ? zero_size_area
                                              : reinterpret_cast<uint8_t*>(kMaxBufferAlignment);
}

// Bytes. No process on a 64-bit machine has more address space than this.
inline constexpr int64_t kMaxAllocationSize = int64_t{1} << 47;

inline bool IsValidAlignment(int64_t alignment) {
  // Unsigned, so that 0 - 1 becomes the greatest number.
  const uint64_t mask = static_cast<uint64_t>(alignment) - 1;
  return mask < static_cast<uint64_t>(kMaxBufferAlignment) &&
         (static_cast<uint64_t>(alignment) & mask) == 0;
}

// Ok, or why no allocator can serve this request; the message names the value and the limit.
ALKAID_EXPORT Status CheckRequest(const char* what, int64_t size, int64_t alignment);
// CheckRequest for sizes that are not negative. For adaptors that reserve before they call the pool
// below: an invalid request is refused before anything is reserved for it.
inline Status CheckArguments(const char* what, int64_t size, int64_t alignment) {
  if (size >= 0 && IsValidAlignment(alignment)) [[likely]]
    return absl::OkStatus();
  return CheckRequest(what, size, alignment);
}
// The status for an allocator that refused.
ALKAID_EXPORT Status AllocatorRefused(const char* what, const char* allocator, int64_t size,
                                      int64_t alignment);
// Checks a free of zero bytes: a block that was not one of zero bytes is a fault in the debug mode
// of pools and if it is guarded; else nothing happens.
ALKAID_EXPORT void CheckFreeOfNothing(const uint8_t* buffer, const MemoryPool& pool);
// The pool's own figures, to stderr.
ALKAID_EXPORT void PrintPoolStats(const MemoryPool& pool);

// The two events of a reallocation, around the call of the allocator. Unless Ended is called, the
// event says that the block stayed as it was: the allocator refused, or it threw.
class ObservedReallocation {
 public:
  ObservedReallocation(MemoryPool* pool, const uint8_t* ptr, int64_t size, int64_t alignment)
      : pool_(pool),
        old_ptr_(ptr),
        new_ptr_(ptr),
        old_size_(size),
        new_size_(size),
        alignment_(alignment) {
    if (BlockEventsOn()) [[unlikely]]
      NotifyReallocating(pool, ptr, size);
  }
  ~ObservedReallocation() {
    if (BlockEventsOn()) [[unlikely]] {
      NotifyReallocate(pool_, old_ptr_, new_ptr_, old_size_, new_size_, alignment_);
    }
  }
  ObservedReallocation(const ObservedReallocation&) = delete;
  ObservedReallocation& operator=(const ObservedReallocation&) = delete;

  void Ended(const uint8_t* new_ptr, int64_t new_size) {
    new_ptr_ = new_ptr;
    new_size_ = new_size;
  }

 private:
  MemoryPool* const pool_;
  const uint8_t* const old_ptr_;
  const uint8_t* new_ptr_;
  const int64_t old_size_;
  int64_t new_size_;
  const int64_t alignment_;
};

// The base of all pools over an allocator: guarded blocks may take the allocator's place in these.
class PoolOverAllocator : public MemoryPool {};

}  // namespace internal

template <typename Allocator>
class BaseMemoryPoolImpl : public internal::PoolOverAllocator {
 public:
  BaseMemoryPoolImpl() { counters_.Describe(this, allocator_.name()); }
  explicit BaseMemoryPoolImpl(Allocator allocator) : allocator_(std::move(allocator)) {
    counters_.Describe(this, allocator_.name());
  }

  using MemoryPool::Allocate;
  using MemoryPool::Free;
  using MemoryPool::Reallocate;

  // Allocate and Free have one branch for everything rare, so that the usual path saves as few
  // registers as possible.
  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    internal::CounterLine* line;
    if (!counters_.SeeOwnLine(&line) || IsUnusual(size, alignment) || internal::BlockEventsOn())
        [[unlikely]] {
      return AllocateUnusual(size, alignment, out);
    }
    ALKAID_RETURN_NOT_OK(allocator_.AllocateAligned(size, alignment, out));
    counters_.DidAllocate(size, line);
    return absl::OkStatus();
  }

  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) override {
    if (IsUnusual(new_size, alignment) || old_size <= 0) [[unlikely]] {
      return ReallocateUnusual(old_size, new_size, alignment, ptr);
    }
    internal::ObservedReallocation observed(this, *ptr, old_size, alignment);
    Status status = allocator_.ReallocateAligned(old_size, new_size, alignment, ptr);
    if (status.ok()) [[likely]] {
      observed.Ended(*ptr, new_size);
      counters_.DidReallocate(old_size, new_size);
    }
    return status;
  }

  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    if (size == 0 || internal::BlockEventsOn() || !counters_.TryDidFree(size)) [[unlikely]] {
      return FreeUnusual(buffer, size, alignment);
    }
    // Already counted: what is left is a jump to the allocator.
    allocator_.DeallocateAligned(buffer, size, alignment);
  }

  void ReleaseUnused() override { allocator_.ReleaseUnused(); }

  void PrintStats() override {
    internal::PrintPoolStats(*this);
    allocator_.PrintStats();
  }

  int64_t bytes_allocated() const override { return counters_.bytes_allocated(); }
  int64_t max_memory() const override { return counters_.max_memory(); }
  int64_t total_bytes_allocated() const override { return counters_.total_bytes_allocated(); }
  int64_t num_allocations() const override { return counters_.num_allocations(); }
  std::string backend_name() const override { return allocator_.name(); }

 protected:
  Allocator* allocator() { return &allocator_; }

 private:
  // Zero, or a size or alignment that CheckRequest refuses.
  static bool IsUnusual(int64_t size, int64_t alignment) {
    return size <= 0 || size > internal::kMaxAllocationSize ||
           !internal::IsValidAlignment(alignment);
  }

  // Bad arguments, zero bytes, observers, and a thread's first use.
  [[gnu::noinline]] Status AllocateUnusual(int64_t size, int64_t alignment, uint8_t** out) {
    ALKAID_RETURN_NOT_OK(internal::CheckRequest("allocate", size, alignment));
    if (size == 0) {
      *out = internal::ZeroSizePointer(alignment);
      counters_.DidAllocate(0);
      return absl::OkStatus();
    }
    ALKAID_RETURN_NOT_OK(allocator_.AllocateAligned(size, alignment, out));
    counters_.DidAllocate(size);
    if (internal::BlockEventsOn()) internal::NotifyAllocate(this, *out, size, alignment);
    return absl::OkStatus();
  }

  [[gnu::noinline]] void FreeUnusual(uint8_t* buffer, int64_t size, int64_t alignment) {
    if (size == 0) return internal::CheckFreeOfNothing(buffer, *this);
    if (internal::BlockEventsOn()) internal::NotifyFree(this, buffer, size);
    counters_.DidFree(size);
    allocator_.DeallocateAligned(buffer, size, alignment);
  }

  // Bad arguments, and reallocations from or to zero bytes.
  Status ReallocateUnusual(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) {
    if (old_size < 0) {
      return status::Invalid("reallocate: the old size is ", old_size, ", but cannot be negative");
    }
    ALKAID_RETURN_NOT_OK(internal::CheckRequest("reallocate to", new_size, alignment));
    if (old_size == 0 && new_size == 0) return absl::OkStatus();
    if (old_size == 0) return Allocate(new_size, alignment, ptr);
    Free(*ptr, old_size, alignment);
    *ptr = internal::ZeroSizePointer(alignment);
    return absl::OkStatus();
  }

  [[no_unique_address]] Allocator allocator_;
  internal::PoolCounters counters_;
};

}  // namespace alkaid
