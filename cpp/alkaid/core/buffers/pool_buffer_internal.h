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

  // From now on a byte of the padding that is not zero when the buffer goes is a memory fault.
  void WatchPadding() { watch_padding_ = true; }

 private:
  std::shared_ptr<MemoryManager> ImplicitMemoryManager() const override;
  // Moves the bytes to a block of `new_capacity`, a multiple of 64.
  inline Status SetCapacity(int64_t new_capacity);
  [[gnu::cold]] Status BytesAreMisaligned();
  void CheckPadding() const;

  std::shared_ptr<MemoryPool> pool_;
  int32_t alignment_;
  bool watch_padding_ = false;
};

}  // namespace alkaid
