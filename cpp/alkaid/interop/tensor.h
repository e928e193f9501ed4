// Tensor: an array in a Buffer as exchange formats describe it: element type, shape, strides.
//
//     buffer->address()
//     |-------- offset --------|e|e|e|...        element (0, 0) starts at `offset`
//                              |--- strides[0] * bytes ---|e|e|e|...      element (1, 0)
//
// Strides count elements and may be 0 or negative. Elements have the byte order of the machine and
// may be misaligned. dlpack.h hands tensors to other libraries and takes theirs.
//
// Ownership: holds the buffer. Threads: a value that may be read from any thread. Out of memory:
// kResourceExhausted from what returns a Result.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"

namespace alkaid::interop {

// What one element is. A kind of that many bits, `lanes` of them side by side.
struct ElementType {
  // Numbered as DLDataTypeCode in DLPack.
  enum class Kind : uint8_t {
    kInt = 0,
    kUInt = 1,
    kFloat = 2,
    kBFloat = 4,
    kComplex = 5,
    kBool = 6,
  };

  Kind kind = Kind::kUInt;
  uint8_t bits = 8;  // of one lane: 8, 16, 32, 64 or 128; of kBool 8; of kComplex both parts
  uint16_t lanes = 1;

  // The type of arithmetic T.
  template <typename T>
  static constexpr ElementType Of() {
    static_assert(std::is_arithmetic_v<T> && sizeof(T) <= 8);
    constexpr auto kBits = static_cast<uint8_t>(8 * sizeof(T));
    if constexpr (std::is_same_v<T, bool>) return {Kind::kBool, kBits};
    if constexpr (std::is_floating_point_v<T>) return {Kind::kFloat, kBits};
    return {std::is_signed_v<T> ? Kind::kInt : Kind::kUInt, kBits};
  }

  // Bytes of one element, and the alignment that a compiler gives a lane of it.
  int64_t bytes() const { return int64_t{bits} / 8 * lanes; }
  int64_t alignment() const { return int64_t{bits} / (kind == Kind::kComplex ? 16 : 8); }
  // kUnimplemented, naming the type, for what is no type of the above.
  ALKAID_EXPORT Status Validate() const;
  // As numpy and DLPack name it: "int16", "complex64", "float32x4".
  ALKAID_EXPORT std::string ToString() const;
  friend bool operator==(const ElementType&, const ElementType&) = default;
};

class ALKAID_EXPORT Tensor {
 public:
  // The largest number of dimensions: numpy's.
  static constexpr int kMaxRank = 64;

  // Has no buffer and no element; only to be assigned to.
  Tensor() = default;

  // `strides` may be empty: row by row, the last index runs fastest. Errors: kInvalidArgument for
  // a null buffer, a negative dimension, too many dimensions, as many strides as there are
  // dimensions or none; kUnimplemented for a type that is not known; kOutOfRange, with the bytes,
  // when an element lies outside the buffer.
  static Result<Tensor> Make(std::shared_ptr<Buffer> buffer, ElementType type,
                             std::vector<int64_t> shape, std::vector<int64_t> strides = {},
                             int64_t offset = 0);

  // The bytes that elements of a shape take, from the first byte of element (0, 0, ...): `from` is
  // 0 or negative, and both are 0 where there is no element. Errors as of Make, and kOutOfRange
  // where 64 bits do not hold the numbers.
  struct ByteRange {
    int64_t from = 0;
    int64_t to = 0;
  };
  static Result<ByteRange> RangeOf(ElementType type, const std::vector<int64_t>& shape,
                                   const std::vector<int64_t>& strides);
  // Of a shape without negative dimensions. 0 where 64 bits do not hold one.
  static std::vector<int64_t> RowMajorStrides(const std::vector<int64_t>& shape);

  const std::shared_ptr<Buffer>& buffer() const { return buffer_; }
  ElementType type() const { return type_; }
  int rank() const { return static_cast<int>(shape_.size()); }
  const std::vector<int64_t>& shape() const { return shape_; }
  // In elements; as many as dimensions.
  const std::vector<int64_t>& strides() const { return strides_; }
  // Bytes from the start of the buffer to element (0, 0, ...).
  int64_t offset() const { return offset_; }
  // Elements.
  int64_t size() const { return size_; }

  // Of element (0, 0, ...), whatever the device.
  uintptr_t address() const { return buffer_->address() + static_cast<uintptr_t>(offset_); }
  // The same for the CPU; null where it cannot read the buffer.
  const uint8_t* data() const { return buffer_->is_cpu() ? buffer_->data() + offset_ : nullptr; }
  // Whether all elements lie where a compiler would place them.
  bool is_aligned() const {
    return size_ == 0 || address() % static_cast<uintptr_t>(type_.alignment()) == 0;
  }
  // Whether elements follow each other row by row without a gap.
  bool is_contiguous() const;

  // What the elements take row by row. It may be more than the buffer has, where strides are 0:
  // kOutOfRange where 64 bits do not hold it.
  Result<int64_t> RowMajorBytes() const;
  // Copies the elements row by row to `out`. kInvalidArgument when that has not RowMajorBytes();
  // kFailedPrecondition where the CPU cannot read the elements.
  Status CopyTo(std::span<uint8_t> out) const;
  // Such a copy, writable, in a buffer of its own that is aligned to 64 bytes, from `pool` (null:
  // the default).
  Result<Tensor> Copy(MemoryPool* pool = nullptr) const;

 private:
  std::shared_ptr<Buffer> buffer_;
  ElementType type_;
  std::vector<int64_t> shape_;
  std::vector<int64_t> strides_;
  int64_t offset_ = 0;
  int64_t size_ = 0;
};

}  // namespace alkaid::interop
