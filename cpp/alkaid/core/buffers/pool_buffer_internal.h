// PoolBuffer: the Buffer whose bytes come from a MemoryPool.
//
// Capacity is a multiple of 64 and alignment is kept through every reallocation, by refusing what a
// pool gave without keeping it (checked_allocation.h). Where a reallocation moved the bytes to a
// misaligned block, the buffer has them there and refuses the new size. The object comes
// from the per-thread store of blocks, so that a buffer costs one trip to the pool and none to the
// general allocator.
//
// Ownership: gives its block back to the pool when it goes; holds the pool when made with shared
// ownership. Threads and out of memory: as ResizableBuffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid {

class ALKAID_EXPORT PoolBuffer final : public ResizableBuffer {
 public:
  // `pool`: see internal::BorrowPool for one that is only borrowed. `alignment`: a power of two up
  // to kMaxBufferAlignment.
  PoolBuffer(std::shared_ptr<MemoryPool> pool, int64_t alignment);
  ~PoolBuffer() override;

  static void* operator new(std::size_t size);
  static void operator delete(void* pointer) noexcept;

  // Takes the first block: `size` bytes, the padding zero. Inline in the one file that calls it.
  inline Status Start(int64_t size);

  using ResizableBuffer::Resize;
  Status Resize(int64_t new_size, bool shrink_to_fit) override;
  Status Reserve(int64_t new_capacity) override;

  // The debug mode of pools, from here on. A byte of the padding that is not zero is a memory
  // fault, found when the buffer is resized, reserves, or goes; and so is a block that lies over
  // another buffer's of the same pool. Padding is what the capacity was rounded up by beyond the
  // largest size that the buffer was given since its bytes are where they are. From Reserve on,
  // which asks for capacity itself, there is none.
  void Watch();

 private:
  std::shared_ptr<MemoryManager> ImplicitMemoryManager() const override;
  // Moves the bytes to a block of `new_capacity`, a multiple of 64.
  inline Status SetCapacity(int64_t new_capacity);
  [[gnu::cold]] Status BytesAreMisaligned();
  // As Resize, but for what is watched.
  Status MakeRoom(int64_t new_size, bool shrink_to_fit);
  Status ReserveRoom(int64_t new_capacity);
  void CheckPadding() const;
  // While one lives, the block may become another's.
  class ChangeOfBlock;

  std::shared_ptr<MemoryPool> pool_;
  int32_t alignment_;
  bool is_watched_ = false;
  int64_t padding_ = 0;  // where it begins, while the buffer is watched
};

}  // namespace alkaid
