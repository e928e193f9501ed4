// FieldView: one located field of one datagram.
//
// Says which field it is, where its bytes lie and how many they are, all checked against the
// datagram. Borrowed and cheap, so that a walk over every field takes no reference. An ArrayView
// taken from it holds its own reference, and so does a HeldField.
//
// Ownership: borrows the datagram's bytes and its Names: valid while any Dgram or batch of that
// origin lives.
// Threads: a plain value.
// Out of memory: allocates only messages: kResourceExhausted where there is no memory for one.
// While views are watched (heap/tracking/tracking.h) an array has a slice of its own bytes; without
// memory for it, the array goes unwatched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/array_view.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/names.h"

namespace alkaid::dgram {

class ALKAID_EXPORT FieldView {
 public:
  // Names no field; may only be assigned to.
  FieldView() = default;
  const Field& field() const { return *field_; }
  const std::string& name() const { return field_->name; }
  DataType type() const { return field_->type; }
  int rank() const { return field_->rank; }
  // Elements of dimension `i` < rank().
  int64_t dim(int i) const { return LoadUnaligned<uint32_t>(shape_ + ptrdiff_t{4} * i); }

  // The field's bytes, back to back, the last index fastest. They may be misaligned for their type.
  const uint8_t* data() const { return data_; }
  int64_t nbytes() const { return nbytes_; }
  int64_t size() const { return nbytes_ / field_->element_size(); }
  std::span<const uint8_t> bytes() const { return {data_, static_cast<size_t>(nbytes_)}; }

  // A scalar of exactly that type (an enumeration reads as int32_t). kInvalidArgument, naming the
  // field, its type and the requested one, where it is an array or of another type.
  template <typename T>
  Result<T> Scalar() const {
    if (field_->rank != 0 || !ReadableAs<T>(field_->type)) return Mismatch(0, kDataTypeOf<T>);
    return LoadUnaligned<T>(data_);
  }

  // An array of exactly that type, which keeps the batch alive. A scalar is an array of rank 0 with
  // one element. kInvalidArgument for another type.
  template <typename T>
  Result<ArrayView<T>> Array() const {
    if (!ReadableAs<T>(field_->type)) return Mismatch(-1, kDataTypeOf<T>);
    typename ArrayView<T>::Shape shape = {};
    for (int i = 0; i < rank(); ++i) shape[static_cast<size_t>(i)] = dim(i);
    if (alkaid::internal::ViewEventsOn()) [[unlikely]]
      return ArrayView<T>(data_, rank(), shape, Slice());
    return ArrayView<T>(data_, rank(), shape, origin_->buffer);
  }

  // Text (CHARSTR) up to its first NUL, or all of it where there is none; borrowed.
  // kInvalidArgument for other types.
  Result<std::string_view> String() const;

 private:
  friend class FieldWalk;
  friend class ShapesData;

  FieldView(const Field* field, const uint8_t* data, const uint8_t* shape, int64_t nbytes,
            const DgramOrigin* origin)
      : field_(field), data_(data), shape_(shape), nbytes_(nbytes), origin_(origin) {}

  // A slice of the field's bytes, for a report of retention; the origin's buffer where there is no
  // memory for the slice.
  std::shared_ptr<Buffer> Slice() const noexcept;
  // `rank` is what was asked for: 0 a scalar, -1 an array.
  Status Mismatch(int rank, DataType asked) const;

  const Field* field_ = nullptr;
  const uint8_t* data_ = nullptr;
  const uint8_t* shape_ = nullptr;  // undefined where the field is a scalar
  int64_t nbytes_ = 0;
  const DgramOrigin* origin_ = nullptr;
};

// A FieldView that holds its datagram's origin by one reference, and so the bytes and the Names:
// everything else may go first. FindField returns one. It converts to a FieldView, which would
// borrow again, only by an explicit view().
class HeldField : private FieldView {
 public:
  HeldField() = default;
  // `field` is a field of `dgram`.
  HeldField(const FieldView& field, const Dgram& dgram) : FieldView(field), held_(dgram.origin()) {}

  // Borrows from this HeldField.
  const FieldView& view() const { return *this; }
  using FieldView::Array;
  using FieldView::bytes;
  using FieldView::data;
  using FieldView::dim;
  using FieldView::field;
  using FieldView::name;
  using FieldView::nbytes;
  using FieldView::rank;
  using FieldView::Scalar;
  using FieldView::size;
  using FieldView::String;
  using FieldView::type;

 private:
  std::shared_ptr<const DgramOrigin> held_;
};

}  // namespace alkaid::dgram
