// PoolBuffer: the Buffer whose bytes come from a MemoryPool.
//
// Capacity is a multiple of 64. Alignment is kept through every reallocation, by refusing a
// misaligned block (checked_allocation.h). If a reallocation moved the bytes to a misaligned block,
// the buffer has them there and refuses the new size. The object itself comes from the per-thread
// store of blocks, so a buffer costs one call of the pool and none of the general allocator.
//
// Ownership: gives its block back to the pool when it is destroyed; holds the pool when made with
// shared ownership. Threads and out of memory: as ResizableBuffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/pools/pool_handle.h"

namespace alkaid {

class ALKAID_EXPORT PoolBuffer final : public ResizableBuffer {
 public:
  // `pool`: not null. `alignment`: a power of two up to kMaxBufferAlignment.
  PoolBuffer(PoolHandle pool, int64_t alignment);
  ~PoolBuffer() override;

  static void* operator new(std::size_t size);
  static void operator delete(void* pointer) noexcept;

  // Allocates the first block: `size` bytes, with zero padding. Inline in the one file that calls
  // it.
  inline Status Start(int64_t size);

  using ResizableBuffer::Resize;
  Status Resize(int64_t new_size, bool shrink_to_fit) override;
  Status Reserve(int64_t new_capacity) override;

  // Turns on the debug mode of pools for this buffer. Two things are then memory faults, found when
  // the buffer is resized, reserves or is destroyed: a byte of the padding that is not zero, and a
  // block that overlaps another buffer's block of the same pool. Padding is the rounding of the
  // capacity past the largest size that the buffer had since its bytes were last moved. After
  // Reserve, which requests capacity itself, there is none.
  void Watch();

 private:
  std::shared_ptr<MemoryManager> ImplicitMemoryManager() const override;
  // Moves the bytes to a block of `new_capacity`, a multiple of 64.
  inline Status SetCapacity(int64_t new_capacity);
  [[gnu::cold]] Status BytesAreMisaligned();
  // As Resize, without the debug checks.
  Status MakeRoom(int64_t new_size, bool shrink_to_fit);
  Status ReserveRoom(int64_t new_capacity);
  void CheckPadding() const;
  // While one lives, the block may become another buffer's.
  class ChangeOfBlock;

  PoolHandle pool_;
  int32_t alignment_;
  bool is_watched_ = false;
  int64_t padding_ = 0;  // where the padding begins, while the buffer is watched
};

}  // namespace alkaid
