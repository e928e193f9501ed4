// A per-thread store of small blocks, for objects that are made and dropped millions of times a
// second.
//
//   thread_block_store   first --> [ next | free ] --> [ next | free ] --> null     128 bytes each
//                        room      how many more blocks the store takes
//
// Buffer views and their reference counts take about a hundred bytes and often live for
// microseconds. A block that is given back goes to the calling thread's store and serves the next
// request there. The general allocator is asked only when the store is empty, and gets a block back
// only when the store is full. A thread keeps at most kMaxBlocks blocks (128 KiB), until it ends.
//
// Ownership: a block belongs to the caller until DeallocateBlock, from any thread. Threads: all
// functions, from any thread; no lock is taken.
// Out of memory: std::bad_alloc. Under AddressSanitizer every block comes from operator new, so
// that use after free is detected.
#pragma once

#include <cstddef>
#include <new>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// Bytes. The only size that is kept; it fits a Buffer or a PoolBuffer with its reference count.
inline constexpr size_t kBlockSize = 128;

// The calling thread's store, 16 bytes of static TLS.
struct BlockStore {
  static constexpr size_t kMaxBlocks = 1024;
  struct Block {
    Block* next;
  };
  Block* first = nullptr;
  // Blocks that may still be added. 0 before a thread's first use and after its end, so that both
  // take the slow path.
  size_t room = 0;
};
ALKAID_EXPORT extern constinit thread_local BlockStore thread_block_store
    __attribute__((tls_model("initial-exec")));

// The slow paths: operator new; and operator delete, or opening the store.
ALKAID_EXPORT void* AllocateFreshBlock();
ALKAID_EXPORT void DeallocateSurplusBlock(void* block) noexcept;

// Gives back what the calling thread keeps, so that a report of live memory does not list unused
// blocks.
ALKAID_EXPORT void ReleaseKeptBlocks() noexcept;

// About 1 ns each while the store serves.
inline void* AllocateBlock() {
  BlockStore& store = thread_block_store;
  if (BlockStore::Block* block = store.first) [[likely]] {
    store.first = block->next;
    ++store.room;
    return block;
  }
  return AllocateFreshBlock();
}
inline void DeallocateBlock(void* pointer) noexcept {
  BlockStore& store = thread_block_store;
  if (store.room != 0) [[likely]] {
    auto* block = static_cast<BlockStore::Block*>(pointer);
    block->next = store.first;
    store.first = block;
    --store.room;
    return;
  }
  DeallocateSurplusBlock(pointer);
}

// A standard allocator over the store, for std::allocate_shared; what does not fit a block comes
// from operator new.
template <typename T>
struct BlockCacheAllocator {
  using value_type = T;

  BlockCacheAllocator() = default;
  // Any two allocators of this kind convert into each other.
  template <typename U>
  // NOLINTNEXTLINE(google-explicit-constructor)
  BlockCacheAllocator(const BlockCacheAllocator<U>&) noexcept {}

  T* allocate(size_t n) {
    if constexpr (kFits) {
      if (n == 1) return static_cast<T*>(AllocateBlock());
    }
    return static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{alignof(T)}));
  }
  void deallocate(T* pointer, size_t n) noexcept {
    if constexpr (kFits) {
      if (n == 1) return DeallocateBlock(pointer);
    }
    ::operator delete (pointer, std::align_val_t{alignof(T)});
  }

  friend bool operator==(const BlockCacheAllocator&, const BlockCacheAllocator&) { return true; }

 private:
  static constexpr size_t kMaxAlignment = alignof(std::max_align_t);
  // NOLINTNEXTLINE(misc-redundant-expression): a size and an alignment
  static constexpr bool kFits = sizeof(T) <= kBlockSize && alignof(T) <= kMaxAlignment;
};

}  // namespace alkaid::internal
