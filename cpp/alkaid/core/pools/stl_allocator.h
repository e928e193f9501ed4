// The standard library's allocators and pools, each over the other.
//
//   std::vector<int64_t, stl::allocator<int64_t>> values(stl::allocator<int64_t>(pool));
//   stl::STLMemoryPool<MyAllocator> pool(my_allocator);
//
// The first counts a container's memory in a pool; the second is a pool over an allocator.
//
// Ownership: allocator<T> borrows its pool, which must outlive every container that uses it;
// STLMemoryPool keeps a copy of its allocator.
// Threads: allocator<T> as its pool; STLMemoryPool as its allocator, whose one copy several threads
// call at once.
// Out of memory: allocator<T> throws BadAlloc, which carries the pool's status; STLMemoryPool turns
// the allocator's exception into kResourceExhausted.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/checked_allocation.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::internal {

// The Allocator (base_memory_pool.h) of STLMemoryPool. A standard allocator of bytes guarantees no
// alignment, so a block is requested with spare room. The distance from its start to its aligned
// part is kept in the 4 bytes before that part. Costs `alignment` + 3 bytes a block.
//
//   | unused | offset, 4 bytes | the block, aligned | unused |
//   ^ the allocator's pointer  ^ the caller's pointer
template <typename StdAllocator>
class StandardByteAllocator {
  using ByteAllocator =
      typename std::allocator_traits<StdAllocator>::template rebind_alloc<uint8_t>;
  using Traits = std::allocator_traits<ByteAllocator>;
  using Offset = uint32_t;
  static_assert(kMaxBufferAlignment + int64_t{sizeof(Offset)} < std::numeric_limits<Offset>::max());

 public:
  StandardByteAllocator() = default;
  explicit StandardByteAllocator(const StdAllocator& allocator) : bytes_(allocator) {}

  Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) try {
    uint8_t* const block = std::to_address(Traits::allocate(bytes_, BlockSize(size, alignment)));
    const uint64_t lowest = reinterpret_cast<uint64_t>(block) + sizeof(Offset);
    const uint64_t padding = (0 - lowest) & static_cast<uint64_t>(alignment - 1);
    const Offset offset = static_cast<Offset>(sizeof(Offset) + padding);
    *out = block + offset;
    std::memcpy(*out - sizeof(Offset), &offset, sizeof(Offset));
    return absl::OkStatus();
  } catch (const std::exception& refusal) {
    return status::OutOfMemory("allocate ", size, " bytes aligned to ", alignment,
                               ": the standard allocator threw ", refusal.what());
  }

  // Standard allocators cannot resize: this is a new block, a copy, and a free.
  Status ReallocateAligned(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) {
    uint8_t* fresh = nullptr;
    ALKAID_RETURN_NOT_OK(AllocateAligned(new_size, alignment, &fresh));
    std::memcpy(fresh, *ptr, static_cast<size_t>(std::min(old_size, new_size)));
    DeallocateAligned(*ptr, old_size, alignment);
    *ptr = fresh;
    return absl::OkStatus();
  }

  void DeallocateAligned(uint8_t* ptr, int64_t size, int64_t alignment) {
    Offset offset = 0;
    std::memcpy(&offset, ptr - sizeof(Offset), sizeof(Offset));
    Traits::deallocate(bytes_,
                       std::pointer_traits<typename Traits::pointer>::pointer_to(*(ptr - offset)),
                       BlockSize(size, alignment));
  }

  void ReleaseUnused() {}
  void PrintStats() {}
  std::string name() const { return "stl"; }

 private:
  // Cannot overflow: BaseMemoryPoolImpl refuses sizes beyond any address space.
  static size_t BlockSize(int64_t size, int64_t alignment) {
    return static_cast<size_t>(size + alignment - 1) + sizeof(Offset);
  }

  [[no_unique_address]] ByteAllocator bytes_;
};

}  // namespace alkaid::internal

namespace alkaid::stl {

// What allocator<T> throws: a std::bad_alloc that says why.
class ALKAID_EXPORT BadAlloc : public std::bad_alloc {
 public:
  explicit BadAlloc(Status status) noexcept;
  ~BadAlloc() override;
  BadAlloc(const BadAlloc&) noexcept;
  BadAlloc& operator=(const BadAlloc&) noexcept;

  // The status in full, code and message.
  const char* what() const noexcept override;
  const Status& status() const noexcept { return status_; }

 private:
  Status status_;
  std::shared_ptr<const std::string> text_;  // null if there was no memory for it
};

// A standard allocator over a pool. Memory is aligned to 64 bytes, or to alignof(T) if that is
// more. Two allocators are equal if their pool is the same. T need not be complete before a
// function is called, so a node may hold a container of nodes.
template <class T>
class allocator {
 public:
  using value_type = T;
  using pointer = T*;
  using const_pointer = const T*;
  using reference = T&;
  using const_reference = const T&;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;

  template <class U>
  struct rebind {
    using other = allocator<U>;
  };

  // Over default_memory_pool().
  allocator() : pool_(default_memory_pool()) {}
  // Not explicit, so that a pool can be passed where an allocator is required.
  allocator(MemoryPool* pool) noexcept : pool_(pool) {}  // NOLINT(google-explicit-constructor)
  template <class U>
  // NOLINTNEXTLINE(google-explicit-constructor): allocators of one kind turn into each other
  allocator(const allocator<U>& other) noexcept : pool_(other.pool()) {}

  pointer address(reference value) const noexcept { return std::addressof(value); }
  const_pointer address(const_reference value) const noexcept { return std::addressof(value); }

  // Memory for `n` values, not constructed. Throws BadAlloc if n values are more bytes than an
  // int64_t holds, and if the pool refuses.
  pointer allocate(size_type n, const void* /*hint*/ = nullptr) {
    if (n > max_size()) {
      throw BadAlloc(status::OutOfMemory("stl::allocator: ", n, " values of ", sizeof(T),
                                         " bytes pass the limit of ", max_size(), " values"));
    }
    uint8_t* bytes = nullptr;
    Status status =
        internal::AllocateChecked(pool_, static_cast<int64_t>(n * sizeof(T)), Alignment(), &bytes);
    if (!status.ok()) throw BadAlloc(std::move(status));
    return reinterpret_cast<pointer>(bytes);
  }
  // `n` as it was allocated.
  void deallocate(pointer values, size_type n) {
    pool_->Free(reinterpret_cast<uint8_t*>(values), static_cast<int64_t>(n * sizeof(T)),
                Alignment());
  }

  // The most values that can be requested of any pool.
  size_type max_size() const noexcept {
    return static_cast<size_type>(std::numeric_limits<int64_t>::max()) / sizeof(T);
  }
  size_type size_max() const noexcept { return max_size(); }

  template <class U, class... Args>
  void construct(U* place, Args&&... args) {
    ::new (static_cast<void*>(place)) U(std::forward<Args>(args)...);
  }
  template <class U>
  void destroy(U* value) {
    std::destroy_at(value);
  }

  MemoryPool* pool() const noexcept { return pool_; }

 private:
  // Bytes.
  static constexpr int64_t Alignment() {
    static_assert(int64_t{alignof(T)} <= kMaxBufferAlignment, "no pool aligns this type");
    return std::max(int64_t{alignof(T)}, kDefaultBufferAlignment);
  }

  MemoryPool* pool_;
};

template <class T, class U>
bool operator==(const allocator<T>& a, const allocator<U>& b) noexcept {
  return a.pool() == b.pool();
}

// A pool over a standard allocator of any value type. Every pointer is aligned as requested,
// whatever the allocator guarantees; resizing always copies. backend_name() is "stl".
template <typename Allocator = std::allocator<uint8_t>>
class STLMemoryPool : public BaseMemoryPoolImpl<internal::StandardByteAllocator<Allocator>> {
 public:
  STLMemoryPool() = default;
  explicit STLMemoryPool(const Allocator& allocator)
      : BaseMemoryPoolImpl<internal::StandardByteAllocator<Allocator>>(
            internal::StandardByteAllocator<Allocator>(allocator)) {}
};

}  // namespace alkaid::stl
