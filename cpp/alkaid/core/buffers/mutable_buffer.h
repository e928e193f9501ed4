// MutableBuffer and ResizableBuffer: buffers that can be written, and that can grow.
//
// Ownership, threads and out of memory: as Buffer. Include buffer.h.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "alkaid/base/checked_math.h"
#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"

namespace alkaid {

// A Buffer whose bytes may be written.
class ALKAID_EXPORT MutableBuffer : public Buffer {
 public:
  MutableBuffer(uint8_t* data, int64_t size) : Buffer(data, size) { is_mutable_ = true; }
  MutableBuffer(uint8_t* data, int64_t size, std::shared_ptr<MemoryManager> memory_manager,
                std::shared_ptr<Buffer> parent = nullptr)
      : Buffer(data, size, std::move(memory_manager), std::move(parent)) {
    is_mutable_ = true;
  }
  MutableBuffer(uintptr_t address, int64_t size, std::shared_ptr<MemoryManager> memory_manager,
                std::shared_ptr<Buffer> parent = nullptr)
      : Buffer(address, size, std::move(memory_manager), std::move(parent)) {
    is_mutable_ = true;
  }
  MutableBuffer(const std::shared_ptr<Buffer>& parent, int64_t offset, int64_t size)
      : Buffer(parent, offset, size) {
    is_mutable_ = true;
  }
  MutableBuffer(std::shared_ptr<Buffer>&& parent, int64_t offset, int64_t size)
      : Buffer(std::move(parent), offset, size) {
    is_mutable_ = true;
  }

  // Borrows `length` values.
  template <typename T, typename SizeType = int64_t>
  static std::shared_ptr<Buffer> Wrap(T* data, SizeType length) {
    static_assert(std::is_trivially_copyable_v<T>, "only plain values have bytes of their own");
    return std::make_shared<MutableBuffer>(
        reinterpret_cast<uint8_t*>(data),
        static_cast<int64_t>(length) * static_cast<int64_t>(sizeof(T)));
  }

 protected:
  MutableBuffer() : MutableBuffer(nullptr, 0) {}
};

// A MutableBuffer that can grow and shrink. Growing may move the bytes, which invalidates slices of
// it.
class ALKAID_EXPORT ResizableBuffer : public MutableBuffer {
 public:
  // Sets size() to `new_size` bytes. Growing past capacity() reallocates; shrinking gives memory
  // back when `shrink_to_fit`. Bytes past the old size are not initialised. Negative:
  // kInvalidArgument. On failure nothing changes, with one exception: if the program's own pool
  // moved the bytes to a misaligned block, they stay there, and the buffer keeps its size as far as
  // that block has room.
  virtual Status Resize(int64_t new_size, bool shrink_to_fit) = 0;
  Status Resize(int64_t new_size) { return Resize(new_size, /*shrink_to_fit=*/true); }
  // Makes capacity() at least `new_capacity` bytes; never shrinks it. Negative: kInvalidArgument.
  virtual Status Reserve(int64_t new_capacity) = 0;

  // The same in values of T. kResourceExhausted if an int64 cannot count the bytes.
  template <typename T>
  Status TypedResize(int64_t new_length, bool shrink_to_fit = true) {
    int64_t bytes;
    if (MultiplyOverflow(new_length, sizeof(T), &bytes)) [[unlikely]] {
      return LengthOverflow(new_length, sizeof(T));
    }
    return Resize(bytes, shrink_to_fit);
  }
  template <typename T>
  Status TypedReserve(int64_t new_capacity) {
    int64_t bytes;
    if (MultiplyOverflow(new_capacity, sizeof(T), &bytes)) [[unlikely]] {
      return LengthOverflow(new_capacity, sizeof(T));
    }
    return Reserve(bytes);
  }

 protected:
  ResizableBuffer(uint8_t* data, int64_t size) : MutableBuffer(data, size) {}
  ResizableBuffer(uint8_t* data, int64_t size, std::shared_ptr<MemoryManager> memory_manager)
      : MutableBuffer(data, size, std::move(memory_manager)) {}

 private:
  static Status LengthOverflow(int64_t length, int64_t value_size);
};

}  // namespace alkaid
