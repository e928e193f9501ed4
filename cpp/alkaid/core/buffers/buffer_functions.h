// Making buffers: slices of others, fresh memory from a pool, concatenation, bitmaps.
//
// Ownership: a slice keeps its root alive. A buffer from a pool gives its memory back when it is
// destroyed: with a plain pointer the pool must outlive it, with a shared_ptr the buffer holds the
// pool. A null pool means the default pool. Threads: any. Out of memory, or a size that rounding up
// takes past the limit of int64: kResourceExhausted. Negative sizes and alignments that are not a
// power of two: kInvalidArgument, naming the value.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/mutable_buffer.h"  // IWYU pragma: export

namespace alkaid {

class ResizableBuffer;

// `length` bytes of `buffer` from `offset`, without a copy; without `length`, the rest. Read-only,
// even if the buffer is mutable. Not checked: the range must lie inside. Given an rvalue, the slice
// takes over the reference.
ALKAID_EXPORT std::shared_ptr<Buffer> SliceBuffer(const std::shared_ptr<Buffer>& buffer,
                                                  int64_t offset, int64_t length);
ALKAID_EXPORT std::shared_ptr<Buffer> SliceBuffer(std::shared_ptr<Buffer>&& buffer, int64_t offset,
                                                  int64_t length);
inline std::shared_ptr<Buffer> SliceBuffer(const std::shared_ptr<Buffer>& buffer, int64_t offset) {
  return SliceBuffer(buffer, offset, buffer->size() - offset);
}
inline std::shared_ptr<Buffer> SliceBuffer(std::shared_ptr<Buffer>&& buffer, int64_t offset) {
  const int64_t length = buffer->size() - offset;
  return SliceBuffer(std::move(buffer), offset, length);
}

// The same, checked: kOutOfRange, naming the numbers, when the range does not lie inside;
// kInvalidArgument for a null buffer.
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> SliceBufferSafe(const std::shared_ptr<Buffer>& buffer,
                                                              int64_t offset, int64_t length);
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> SliceBufferSafe(const std::shared_ptr<Buffer>& buffer,
                                                              int64_t offset);

// Writable slices of a mutable buffer, with its memory manager. The unchecked forms need a mutable
// buffer and a range inside; the checked ones answer kInvalidArgument and kOutOfRange.
ALKAID_EXPORT std::shared_ptr<Buffer> SliceMutableBuffer(const std::shared_ptr<Buffer>& buffer,
                                                         int64_t offset, int64_t length);
inline std::shared_ptr<Buffer> SliceMutableBuffer(const std::shared_ptr<Buffer>& buffer,
                                                  int64_t offset) {
  return SliceMutableBuffer(buffer, offset, buffer->size() - offset);
}
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> SliceMutableBufferSafe(
    const std::shared_ptr<Buffer>& buffer, int64_t offset, int64_t length);
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> SliceMutableBufferSafe(
    const std::shared_ptr<Buffer>& buffer, int64_t offset);

// A mutable buffer of `size` bytes, whose size is fixed. Aligned to `alignment` bytes (64); its
// capacity is a multiple of 64. The bytes from size to capacity are zero; the others are not
// initialised.
ALKAID_EXPORT Result<std::unique_ptr<Buffer>> AllocateBuffer(int64_t size, PoolHandle pool = {});
ALKAID_EXPORT Result<std::unique_ptr<Buffer>> AllocateBuffer(int64_t size, int64_t alignment,
                                                             PoolHandle pool = {});

// The same for a buffer that can be resized, which keeps its alignment.
ALKAID_EXPORT Result<std::unique_ptr<ResizableBuffer>> AllocateResizableBuffer(
    int64_t size, PoolHandle pool = {});
ALKAID_EXPORT Result<std::unique_ptr<ResizableBuffer>> AllocateResizableBuffer(
    int64_t size, int64_t alignment, PoolHandle pool = {});

// A buffer for `length` bits; bit i is in byte i / 8, at place i % 8. AllocateBitmap initialises
// only the last byte; AllocateEmptyBitmap sets every bit to zero.
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> AllocateBitmap(int64_t length, PoolHandle pool = {});
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> AllocateEmptyBitmap(int64_t length,
                                                                  PoolHandle pool = {});
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> AllocateEmptyBitmap(int64_t length, int64_t alignment,
                                                                  PoolHandle pool = {});

// A new buffer with the bytes of all `buffers` in order. The CPU must be able to read them (else
// kInvalidArgument).
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> ConcatenateBuffers(const BufferVector& buffers,
                                                                 PoolHandle pool = {});

namespace internal {
// The test of the CompactIfBelow functions: whether `shown` is less than `ratio` of the `held`
// bytes that it keeps alive, and a copy would hold fewer. kInvalidArgument for a bad ratio.
ALKAID_EXPORT Result<bool> IsWorthCompacting(int64_t shown, int64_t held, double ratio);
}  // namespace internal

}  // namespace alkaid
