// Tensor: an array in a Buffer, as exchange formats describe it: element type, shape, strides.
//
//     buffer->address()
//     |-------- offset --------|e|e|e|...        element (0, 0) starts at `offset`
//                              |--- strides[0] * bytes ---|e|e|e|...      element (1, 0)
//
// Strides count elements and may be 0 or negative. Elements have the machine's byte order and may
// be misaligned. dlpack.h exports tensors to other libraries and imports theirs.
//
// Ownership: holds the buffer. Threads: a value that may be read from any thread. Out of memory:
// kResourceExhausted from functions that return a Result.
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

// The type of one element: `lanes` values side by side, each of that kind and number of bits.
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
  // kUnimplemented, naming the type, if it is none of the above.
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

  // `strides` may be empty: row-major. Errors:
  // - kInvalidArgument: a null buffer, a negative dimension, too many dimensions, or strides that
  //   are not as many as the dimensions
  // - kUnimplemented: an unknown type
  // - kOutOfRange, with the bytes: an element outside the buffer
  static Result<Tensor> Make(std::shared_ptr<Buffer> buffer, ElementType type,
                             std::vector<int64_t> shape, std::vector<int64_t> strides = {},
                             int64_t offset = 0);

  // The bytes that elements of a shape take, relative to the first byte of element (0, 0, ...):
  // `from` is 0 or negative; both are 0 if there are no elements. Errors: as Make, and kOutOfRange
  // if 64 bits do not hold the numbers.
  struct ByteRange {
    int64_t from = 0;
    int64_t to = 0;
  };
  static Result<ByteRange> RangeOf(ElementType type, const std::vector<int64_t>& shape,
                                   const std::vector<int64_t>& strides);
  // For a shape without negative dimensions. A stride that 64 bits do not hold is 0.
  static std::vector<int64_t> RowMajorStrides(const std::vector<int64_t>& shape);

  const std::shared_ptr<Buffer>& buffer() const { return buffer_; }
  ElementType type() const { return type_; }
  int rank() const { return static_cast<int>(shape_.size()); }
  const std::vector<int64_t>& shape() const { return shape_; }
  // In elements; one for each dimension.
  const std::vector<int64_t>& strides() const { return strides_; }
  // Bytes from the start of the buffer to element (0, 0, ...).
  int64_t offset() const { return offset_; }
  // The number of elements.
  int64_t size() const { return size_; }

  // The address of element (0, 0, ...), on any device.
  uintptr_t address() const { return buffer_->address() + static_cast<uintptr_t>(offset_); }
  // The same for the CPU; null where it cannot read the buffer.
  const uint8_t* data() const { return buffer_->is_cpu() ? buffer_->data() + offset_ : nullptr; }
  // Whether all elements have the alignment that a compiler would give them.
  bool is_aligned() const {
    return size_ == 0 || address() % static_cast<uintptr_t>(type_.alignment()) == 0;
  }
  // Whether elements follow each other row by row without a gap.
  bool is_contiguous() const;

  // The size of a row-major copy. It may be more than the buffer has, if strides are 0: kOutOfRange
  // if 64 bits do not hold it.
  Result<int64_t> RowMajorBytes() const;
  // Copies the elements row by row to `out`. kInvalidArgument if `out` does not have
  // RowMajorBytes(); kFailedPrecondition if the CPU cannot read the elements.
  Status CopyTo(std::span<uint8_t> out) const;
  // A row-major, writable copy in a buffer of its own, aligned to 64 bytes, from `pool` (null: the
  // default).
  Result<Tensor> Copy(PoolHandle pool = {}) const;

 private:
  std::shared_ptr<Buffer> buffer_;
  ElementType type_;
  std::vector<int64_t> shape_;
  std::vector<int64_t> strides_;
  int64_t offset_ = 0;
  int64_t size_ = 0;
};

}  // namespace alkaid::interop
