// FieldValue: one field's value to be written into a datagram, borrowed, of any type.
//
//   writer.Data(names, {FieldValue::Scalar<double>(41.5), FieldValue::String("warm"),
//                       FieldValue::Array<float>(pixels, {3, 3})});
//
// Says what the value is; whether it matches the field's declaration is checked when it is written.
// Made from a FieldView it copies a field from one datagram to another, byte for byte.
//
// Ownership: holds scalars and shapes, borrows the bytes of arrays and text until it is written.
// Threads: a plain value of 56 bytes.
// Out of memory: allocates only messages: Check returns kResourceExhausted where there is no memory
// for one.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/field_view.h"
#include "alkaid/dgram/names.h"

namespace alkaid::dgram {

class ALKAID_EXPORT FieldValue {
 public:
  // An enumeration's value or label is a Scalar<int32_t>.
  template <typename T>
  static FieldValue Scalar(T value) {
    static_assert(kIsDataType<T>, "T must be one of the ten arithmetic types of the format");
    FieldValue field(kDataTypeOf<T>, sizeof(T), 0);
    std::memcpy(field.scalar_.data(), &value, sizeof(T));
    return field;
  }
  // The elements in memory order, the last index fastest. With an empty shape it is a scalar and
  // must have one element.
  template <typename T>
  static FieldValue Array(std::span<const T> values, std::span<const uint32_t> shape) {
    static_assert(kIsDataType<T>, "T must be one of the ten arithmetic types of the format");
    FieldValue field(kDataTypeOf<T>, static_cast<int64_t>(values.size_bytes()), shape.size());
    if (shape.empty() && values.size() == 1) {
      std::memcpy(field.scalar_.data(), values.data(), sizeof(T));
    } else {
      field.bytes_ = reinterpret_cast<const uint8_t*>(values.data());
    }
    std::copy_n(shape.begin(), std::min(shape.size(), size_t{kMaxRank}), field.shape_.begin());
    return field;
  }
  template <typename T>
  static FieldValue Array(std::span<const T> values, std::initializer_list<uint32_t> shape) {
    return Array(values, std::span<const uint32_t>(shape.begin(), shape.size()));
  }
  // Text (CHARSTR), stored with a NUL in a multiple of four bytes. Text that contains a NUL matches
  // no declaration, since readers would end it there.
  static FieldValue String(std::string_view text);
  // Not explicit, so that a list of values may name fields of other datagrams.
  FieldValue(const FieldView& field);  // NOLINT(google-explicit-constructor)

  // The type of the elements; kInt32 for an enumeration.
  DataType type() const { return type_; }
  int rank() const { return rank_; }
  uint32_t dim(int i) const { return shape_[static_cast<size_t>(i)]; }
  // The bytes that it takes in a datagram.
  int64_t nbytes() const { return stored_bytes_; }

  // OK where the value matches the declaration of field `index` of `names`: its type, its rank, and
  // as many bytes as its shape needs. kInvalidArgument names the field, its Names, and both.
  Status Check(const Names& names, size_t index) const {
    if (Fits(names.layout()[index])) [[likely]]
      return absl::OkStatus();
    return Misfit(names, index);
  }

  // Writes nbytes() bytes to `out`.
  void StoreTo(uint8_t* out) const {
    // Does not go by the rank, which the caller of Array may have got wrong.
    const uint8_t* const from = bytes_ != nullptr ? bytes_ : scalar_.data();
    std::memcpy(out, from, static_cast<size_t>(given_bytes_));
    if (stored_bytes_ > given_bytes_) {
      std::memset(out + given_bytes_, 0, static_cast<size_t>(stored_bytes_ - given_bytes_));
    }
  }
  // Writes the five words of its shape; words past its rank are zero.
  void StoreShapeTo(uint8_t* out) const { std::memcpy(out, shape_.data(), kShapeBytes); }

 private:
  FieldValue(DataType type, int64_t nbytes, size_t rank)
      : given_bytes_(nbytes),
        stored_bytes_(nbytes),
        type_(type),
        rank_(static_cast<uint8_t>(std::min(rank, size_t{kMaxRank} + 1))) {}

  bool Fits(FieldLayout layout) const {
    const bool is_enum = layout.type == DataType::kEnumVal || layout.type == DataType::kEnumDict;
    if (type_ != (is_enum ? DataType::kInt32 : layout.type) || rank_ != layout.rank) return false;
    int64_t needed = layout.element_size;
    bool overflow = false;
    for (size_t i = 0; i < rank_; ++i) {
      overflow |= __builtin_mul_overflow(needed, int64_t{shape_[i]}, &needed);
    }
    return !overflow && needed == stored_bytes_;
  }
  Status Misfit(const Names& names, size_t index) const;

  const uint8_t* bytes_ = nullptr;  // of an array or text; null: they are in scalar_
  // For text, without the NUL and the padding.
  int64_t given_bytes_;
  int64_t stored_bytes_;
  std::array<uint8_t, 8> scalar_ = {};
  std::array<uint32_t, kMaxRank> shape_ = {};
  DataType type_;
  uint8_t rank_;  // kMaxRank + 1 for any higher rank, which no field has
};
static_assert(sizeof(FieldValue) <= 56);

}  // namespace alkaid::dgram
