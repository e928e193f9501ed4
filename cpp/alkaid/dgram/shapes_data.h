// ShapesData: one detector's data inside a datagram, and the walk that locates its fields.
//
//   ShapesData   | header | Shapes: header, 20 bytes an array field | Data: header, all fields |
//
// The walk checks everything that XTC2, sections 6.4 and 6.5, requires, in 64-bit arithmetic, and
// allocates nothing:
//
//   Status status = ForEachField(dgram, [&](const ShapesData& data, const FieldView& field) {
//     Use(data.names().detector(), field.name(), field.bytes());
//   });
//
// or, to be able to stop, ShapesDataWalk and FieldWalk. Fields before a fault are delivered before
// the fault is reported. Fields are identified by position, so two fields of one name are two
// fields.
//
// Ownership: walks and ShapesData borrow the Dgram; FieldViews live as long as the datagram's
// origin.
// Threads: one for each walk.
// Out of memory: only messages allocate. Functions that return a Status or a Result return
// kResourceExhausted where there is no memory for one; so do both ForEachField where the visitor
// throws std::bad_alloc. Next of the walks returns no status and so throws std::bad_alloc; the next
// call meets the same fault.
#pragma once

#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/field_view.h"
#include "alkaid/dgram/xtc_walk.h"

namespace alkaid::dgram {

class ALKAID_EXPORT ShapesData {
 public:
  const Names& names() const { return *names_; }
  Damage damage() const { return damage_; }
  // Bytes from the start of the datagram to this Xtc, and to its first field.
  int64_t offset() const { return offset_; }
  int64_t data_offset() const { return data_ - dgram_->data(); }
  const Dgram& dgram() const { return *dgram_; }

  // Locates one field. Steps over all fields before it, as each follows the one before. kOutOfRange
  // for a wrong index, kNotFound for a wrong name, kDataLoss where a field up to this one exceeds
  // the data.
  Result<FieldView> field(int index) const;
  Result<FieldView> field(std::string_view name) const;

  // Calls `visit(const ShapesData&, const FieldView&)` for every field, in order of declaration,
  // until it returns a status that is not OK (it may also return void), or a field exceeds the data
  // (kDataLoss). Returns that status. The cheapest way to read all fields: a few ns each.
  template <typename Visitor>
  Status ForEachField(Visitor&& visit) const;

  // The label of an enumeration's value: the name of the ENUMDICT field here with the same
  // enumeration and the same number. kNotFound where no label has that number, kInvalidArgument
  // where the field is no ENUMVAL. Borrowed from Names.
  Result<std::string_view> EnumLabel(int index) const;

 private:
  friend class FieldWalk;
  friend class ShapesDataWalk;

  // The bytes of a field, by its shape where it is an array. False where 64 bits cannot count them.
  static bool Measure(FieldLayout layout, const uint8_t* shape, int64_t* nbytes) {
    int64_t product = layout.element_size;
    bool overflow = false;
    for (int i = 0; i < layout.rank; ++i) {
      overflow |= __builtin_mul_overflow(
          product, int64_t{LoadUnaligned<uint32_t>(shape + ptrdiff_t{4} * i)}, &product);
    }
    *nbytes = product;
    return !overflow;
  }
  // The fault of a field that starts at `at` and does not fit; throws std::bad_alloc
  // (data_fault.h).
  Status FieldFault(const Field& field, const uint8_t* at, const uint8_t* shape) const;

  const Dgram* dgram_ = nullptr;
  const Names* names_ = nullptr;
  const uint8_t* shapes_ = nullptr;
  const uint8_t* data_ = nullptr;
  int64_t data_bytes_ = 0;
  int64_t offset_ = 0;
  Damage damage_;
};

// Every ShapesData of a datagram, in order.
class ALKAID_EXPORT ShapesDataWalk : private XtcWalk {
 public:
  explicit ShapesDataWalk(const Dgram& dgram)
      : XtcWalk(dgram), configuration_(dgram.configuration().get()) {
    shapes_data_.dgram_ = &dgram;
  }

  // Goes to the next one. False at the end, or at a fault: ask status().
  bool Next() {
    while (XtcWalk::Next()) {
      if (xtc().type() == TypeId::kShapesData) return LocatePlain() || Locate();
    }
    return false;
  }
  const ShapesData& shapes_data() const { return shapes_data_; }
  using XtcWalk::status;

 private:
  // Accepts the usual form: one Shapes and one Data, in either order, and nothing else. False for
  // any other form, sound or not.
  bool LocatePlain() {
    const uint8_t* const first = data_ + offset() + kXtcHeaderBytes;
    const int64_t left = int64_t{xtc().extent} - kXtcHeaderBytes;
    if (left < 2 * kXtcHeaderBytes || configuration_ == nullptr) return false;
    const Xtc a = Xtc::Read(first);
    if (a.extent < kXtcHeaderBytes || a.extent > left - kXtcHeaderBytes) return false;
    const Xtc b = Xtc::Read(first + a.extent);
    if (int64_t{b.extent} != left - a.extent) return false;
    const bool shapes_first = a.type() == TypeId::kShapes;
    if (shapes_first ? b.type() != TypeId::kData
                     : (a.type() != TypeId::kData || b.type() != TypeId::kShapes)) {
      return false;
    }
    const Names* const names = configuration_->Find(NamesId(xtc().src));
    const int64_t shapes_extent = shapes_first ? a.extent : b.extent;
    if (names == nullptr || shapes_extent < names->shapes_extent()) return false;

    const uint8_t* const a_payload = first + kXtcHeaderBytes;
    const uint8_t* const b_payload = a_payload + a.extent;
    shapes_data_.names_ = names;
    shapes_data_.shapes_ = shapes_first ? a_payload : b_payload;
    shapes_data_.data_ = shapes_first ? b_payload : a_payload;
    shapes_data_.data_bytes_ = (shapes_first ? b.extent : a.extent) - kXtcHeaderBytes;
    shapes_data_.offset_ = offset();
    shapes_data_.damage_ = xtc().damage;
    return true;
  }
  // Accepts any form; records what is wrong.
  bool Locate();

  const Configuration* configuration_;
  ShapesData shapes_data_;
};

// Every field of one ShapesData, in order of declaration, for callers that may stop in between.
class ALKAID_EXPORT FieldWalk {
 public:
  explicit FieldWalk(const ShapesData& data)
      : owner_(&data), next_shape_(data.shapes_), next_data_(data.data_) {}

  // Goes to the next field. False at the end, or at a fault: ask status().
  bool Next();

  const FieldView& field() const { return view_; }
  // The field's index in its Names.
  int index() const { return next_ - 1; }
  // OK, or kDataLoss with source, byte and datagram index.
  const Status& status() const { return status_; }

 private:
  const ShapesData* owner_;
  int next_ = 0;
  const uint8_t* next_shape_;
  const uint8_t* next_data_;
  FieldView view_;
  Status status_;
};

template <typename Visitor>
Status ShapesData::ForEachField(Visitor&& visit) const try {
  const FieldLayout* layout = names_->layout();
  const Field* field = names_->fields().data();
  const Field* const fields_end = field + names_->fields().size();
  const DgramOrigin* const origin = dgram_->origin().get();
  const uint8_t* shape = shapes_;
  const uint8_t* at = data_;
  const uint8_t* const end = data_ + data_bytes_;
  for (; field != fields_end; ++field, ++layout) {
    int64_t nbytes = layout->element_size;
    const uint8_t* const field_shape = shape;
    if (layout->rank != 0) {
      shape += kShapeBytes;
      if (!Measure(*layout, field_shape, &nbytes)) [[unlikely]] {
        return FieldFault(*field, at, field_shape);
      }
    }
    if (nbytes > end - at) [[unlikely]]
      return FieldFault(*field, at, field_shape);
    const FieldView view(field, at, field_shape, nbytes, origin);
    if constexpr (std::is_void_v<decltype(visit(*this, view))>) {
      visit(*this, view);
    } else {
      ALKAID_RETURN_NOT_OK(visit(*this, view));
    }
    at += nbytes;
  }
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

// The same for every field of a datagram. A fault outside the fields ends it too.
template <typename Visitor>
Status ForEachField(const Dgram& dgram, Visitor&& visit) try {
  ShapesDataWalk walk(dgram);
  while (walk.Next()) {
    Status status = walk.shapes_data().ForEachField(visit);
    if (!status.ok()) [[unlikely]]
      return status;
  }
  return walk.status();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

// Checks everything in the datagram (XTC2, section 6). Data before any Configure is a fault.
ALKAID_EXPORT Status CheckDgram(const Dgram& dgram);

// The field of `handle` in this datagram; it keeps the datagram's bytes alive. kNotFound where the
// datagram does not carry it; kFailedPrecondition where the handle is from another Configuration (a
// later Configure replaces the first: get a handle from it).
ALKAID_EXPORT Result<HeldField> FindField(const Dgram& dgram, const FieldHandle& handle);

}  // namespace alkaid::dgram
