#include "alkaid/core/buffers/buffer_functions.h"

#include <cassert>
#include <cstring>
#include <utility>

#include "alkaid/core/buffers/bitmap_bits.h"
#include "alkaid/core/buffers/block_cache_internal.h"

namespace alkaid {
namespace {

// Final, so that a shared_ptr destroys them without a virtual call.
class Slice final : public Buffer {
 public:
  using Buffer::Buffer;
  using Buffer::Untold;
  Slice(Untold, const std::shared_ptr<Buffer>& parent, int64_t offset, int64_t size)
      : Buffer(Untold(), parent, offset, size) {}
  Slice(Untold, std::shared_ptr<Buffer>&& parent, int64_t offset, int64_t size)
      : Buffer(Untold(), std::move(parent), offset, size) {}
};
class MutableSlice final : public MutableBuffer {
 public:
  using MutableBuffer::MutableBuffer;
};

template <typename T>
using Blocks = internal::BlockCacheAllocator<T>;

// Makes a slice while observers listen. A function of its own, so that the usual path saves no
// registers for the call.
template <typename Parent>
[[gnu::noinline, gnu::cold]] std::shared_ptr<Buffer> MakeToldSlice(Parent parent, int64_t offset,
                                                                   int64_t length) {
  return std::allocate_shared<Slice>(Blocks<Slice>(), std::forward<Parent>(parent), offset, length);
}

template <typename Parent>
std::shared_ptr<Buffer> MakeSlice(Parent parent, int64_t offset, int64_t length) {
  if (internal::ViewEventsOn()) [[unlikely]]
    return MakeToldSlice<Parent>(std::forward<Parent>(parent), offset, length);
  return std::allocate_shared<Slice>(Blocks<Slice>(), Slice::Untold(), std::forward<Parent>(parent),
                                     offset, length);
}

[[maybe_unused]] bool LiesInside(const Buffer& buffer, int64_t offset, int64_t length) {
  return offset >= 0 && length >= 0 && offset <= buffer.size() && length <= buffer.size() - offset;
}

Status CheckSlice(const char* where, const std::shared_ptr<Buffer>& buffer, int64_t offset,
                  int64_t length) {
  if (buffer == nullptr) [[unlikely]] {
    return status::Invalid(where, ": the buffer is null");
  }
  if (!LiesInside(*buffer, offset, length)) [[unlikely]] {
    return status::IndexError(where, ": ", length, " bytes from offset ", offset,
                              " are not inside a buffer of ", buffer->size());
  }
  return absl::OkStatus();
}

Status CheckOffset(const char* where, const std::shared_ptr<Buffer>& buffer, int64_t offset) {
  if (buffer == nullptr) return status::Invalid(where, ": the buffer is null");
  if (offset < 0 || offset > buffer->size()) {
    return status::IndexError(where, ": offset ", offset, " is not inside a buffer of ",
                              buffer->size());
  }
  return absl::OkStatus();
}

}  // namespace

std::shared_ptr<Buffer> SliceBuffer(const std::shared_ptr<Buffer>& buffer, int64_t offset,
                                    int64_t length) {
  assert(buffer != nullptr && LiesInside(*buffer, offset, length));
  return MakeSlice<const std::shared_ptr<Buffer>&>(buffer, offset, length);
}

std::shared_ptr<Buffer> SliceBuffer(std::shared_ptr<Buffer>&& buffer, int64_t offset,
                                    int64_t length) {
  assert(buffer != nullptr && LiesInside(*buffer, offset, length));
  auto slice = MakeSlice<std::shared_ptr<Buffer>&&>(std::move(buffer), offset, length);
  buffer.reset();  // a middle slice, whose root was taken instead
  return slice;
}

Result<std::shared_ptr<Buffer>> SliceBufferSafe(const std::shared_ptr<Buffer>& buffer,
                                                int64_t offset, int64_t length) try {
  ALKAID_RETURN_NOT_OK(CheckSlice("SliceBufferSafe", buffer, offset, length));
  return SliceBuffer(buffer, offset, length);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<Buffer>> SliceBufferSafe(const std::shared_ptr<Buffer>& buffer,
                                                int64_t offset) try {
  ALKAID_RETURN_NOT_OK(CheckOffset("SliceBufferSafe", buffer, offset));
  return SliceBuffer(buffer, offset);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

std::shared_ptr<Buffer> SliceMutableBuffer(const std::shared_ptr<Buffer>& buffer, int64_t offset,
                                           int64_t length) {
  assert(buffer != nullptr && buffer->is_mutable() && LiesInside(*buffer, offset, length));
  return std::allocate_shared<MutableSlice>(Blocks<MutableSlice>(), buffer, offset, length);
}

Result<std::shared_ptr<Buffer>> SliceMutableBufferSafe(const std::shared_ptr<Buffer>& buffer,
                                                       int64_t offset, int64_t length) try {
  ALKAID_RETURN_NOT_OK(CheckSlice("SliceMutableBufferSafe", buffer, offset, length));
  if (!buffer->is_mutable()) {
    return status::Invalid("SliceMutableBufferSafe: the buffer is not mutable");
  }
  return SliceMutableBuffer(buffer, offset, length);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<Buffer>> SliceMutableBufferSafe(const std::shared_ptr<Buffer>& buffer,
                                                       int64_t offset) {
  ALKAID_RETURN_NOT_OK(CheckOffset("SliceMutableBufferSafe", buffer, offset));
  return SliceMutableBufferSafe(buffer, offset, buffer->size() - offset);
}

Result<std::shared_ptr<Buffer>> AllocateBitmap(int64_t length, PoolHandle pool) try {
  if (length < 0) return status::Invalid("AllocateBitmap: negative length ", length);
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> bitmap,
                         AllocateBuffer(bit_util::BytesForBits(length), std::move(pool)));
  // The caller may set single bits of the last byte; the bits past the end must not stay undefined.
  if (bitmap->size() > 0) bitmap->mutable_data()[bitmap->size() - 1] = 0;
  return bitmap;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<Buffer>> AllocateEmptyBitmap(int64_t length, PoolHandle pool) {
  return AllocateEmptyBitmap(length, kDefaultBufferAlignment, std::move(pool));
}

Result<std::shared_ptr<Buffer>> AllocateEmptyBitmap(int64_t length, int64_t alignment,
                                                    PoolHandle pool) try {
  if (length < 0) return status::Invalid("AllocateEmptyBitmap: negative length ", length);
  ALKAID_ASSIGN_OR_RAISE(
      std::shared_ptr<Buffer> bitmap,
      AllocateBuffer(bit_util::BytesForBits(length), alignment, std::move(pool)));
  std::memset(bitmap->mutable_data(), 0, static_cast<std::size_t>(bitmap->size()));
  return bitmap;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<Buffer>> ConcatenateBuffers(const BufferVector& buffers,
                                                   PoolHandle pool) try {
  int64_t size = 0;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const auto& buffer = buffers[i];
    if (buffer == nullptr) return status::Invalid("ConcatenateBuffers: buffer ", i, " is null");
    if (!buffer->is_cpu()) {
      return status::Invalid("ConcatenateBuffers: the CPU cannot read buffer ", i, ", which is on ",
                             buffer->device()->ToString());
    }
    if (AddOverflow(size, buffer->size(), &size)) {
      return status::OutOfMemory("ConcatenateBuffers: the first ", i + 1,
                                 " buffers together pass the largest size, ", INT64_MAX, " bytes");
    }
  }
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> out, AllocateBuffer(size, std::move(pool)));
  uint8_t* end = out->mutable_data();
  for (const auto& buffer : buffers) {
    if (buffer->size() == 0) continue;
    std::memcpy(end, buffer->data(), static_cast<std::size_t>(buffer->size()));
    end += buffer->size();
  }
  return out;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid
