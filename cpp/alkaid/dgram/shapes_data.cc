#include "alkaid/dgram/shapes_data.h"

#include <algorithm>
#include <new>
#include <string>

#include "alkaid/dgram/child_xtcs_internal.h"
#include "alkaid/dgram/data_fault.h"

namespace alkaid::dgram {

bool ShapesDataWalk::Locate() {
  // Without memory to say what is wrong, the next call must find it again.
  StepBack();
  const NamesId id(xtc().src);
  if (configuration_ == nullptr) {
    return Fail(offset(),
                absl::StrCat("ShapesData of NamesId ", id.ToString(), " before any Configure"));
  }
  const Names* const names = configuration_->Find(id);
  if (names == nullptr) {
    return Fail(offset(), absl::StrCat("ShapesData of NamesId ", id.ToString(),
                                       ", which the Configure does not declare"));
  }

  const uint8_t* shapes = nullptr;
  const uint8_t* data = nullptr;
  int64_t shapes_bytes = 0;
  internal::ChildXtcs children(data_, offset() + kXtcHeaderBytes, offset() + xtc().extent);
  while (children.Next()) {
    const uint8_t* const payload = data_ + children.payload_offset();
    if (children.xtc().type() == TypeId::kShapes) {
      if (shapes != nullptr) return Fail(children.offset(), "second Shapes in one ShapesData");
      shapes = payload;
      shapes_bytes = children.payload_bytes();
    } else if (children.xtc().type() == TypeId::kData) {
      if (data != nullptr) return Fail(children.offset(), "second Data in one ShapesData");
      data = payload;
      shapes_data_.data_bytes_ = children.payload_bytes();
    }
  }
  if (children.broken()) return Fail(children.offset(), children.Why("ShapesData"));
  if (data == nullptr) {
    return Fail(offset(), absl::StrCat("ShapesData of ", names->ToString(), " without Data"));
  }
  if (shapes_bytes < kShapeBytes * names->array_count()) {
    return Fail(offset(), absl::StrCat("ShapesData of ", names->ToString(), " has ", shapes_bytes,
                                       " bytes of Shapes for ", names->array_count(),
                                       " arrays, which take ", kShapeBytes * names->array_count()));
  }
  shapes_data_.names_ = names;
  shapes_data_.shapes_ = shapes;
  shapes_data_.data_ = data;
  shapes_data_.offset_ = offset();
  shapes_data_.damage_ = xtc().damage;
  StepOn();
  return true;
}

bool FieldWalk::Next() {
  const Names& names = *owner_->names_;
  if (next_ == static_cast<int>(names.fields().size())) return false;
  const FieldLayout layout = names.layout()[next_];
  const Field& field = names.fields()[static_cast<size_t>(next_)];
  const uint8_t* const shape = next_shape_;
  int64_t nbytes = 0;
  const int64_t left = owner_->data_ + owner_->data_bytes_ - next_data_;
  if (!ShapesData::Measure(layout, shape, &nbytes) || nbytes > left) {
    status_ = owner_->FieldFault(field, next_data_, shape);
    next_ = static_cast<int>(names.fields().size());
    return false;
  }
  view_ = FieldView(&field, next_data_, shape, nbytes, owner_->dgram_->origin().get());
  if (layout.rank != 0) next_shape_ += kShapeBytes;
  next_data_ += nbytes;
  ++next_;
  return true;
}

Status ShapesData::FieldFault(const Field& field, const uint8_t* at, const uint8_t* shape) const {
  std::string shape_text = "scalar";
  for (int i = 0; i < field.rank; ++i) {
    const auto dimension = LoadUnaligned<uint32_t>(shape + ptrdiff_t{4} * i);
    shape_text = i == 0 ? absl::StrCat(dimension) : absl::StrCat(shape_text, "x", dimension);
  }
  int64_t nbytes = 0;
  const FieldLayout layout = names_->layout()[&field - names_->fields().data()];
  const std::string need = Measure(layout, shape, &nbytes) ? absl::StrCat(nbytes, " bytes")
                                                           : "more bytes than 64 bits can count";
  return internal::DgramFault(
      *dgram_, at - dgram_->data(),
      absl::StrCat("field \"", field.name, "\" of ", names_->ToString(), ", ",
                   DataTypeName(field.type), " ", shape_text, ", needs ", need, ", its Data has ",
                   data_ + data_bytes_ - at, " left"));
}

Result<FieldView> ShapesData::field(int index) const try {
  if (index < 0 || index >= static_cast<int>(names_->fields().size())) {
    return status::IndexError("field ", index, " of ", names_->ToString(), ", which has ",
                              names_->fields().size());
  }
  FieldWalk walk(*this);
  while (walk.Next()) {
    if (walk.index() == index) return walk.field();
  }
  return walk.status();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<FieldView> ShapesData::field(std::string_view name) const try {
  const int index = names_->FieldIndex(name);
  if (index < 0) {
    return internal::RefusalWithText(StatusCode::kNotFound, "field \"", std::string(name), "\" of ",
                                     names_->ToString());
  }
  return field(index);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::string_view> ShapesData::EnumLabel(int index) const try {
  ALKAID_ASSIGN_OR_RAISE(const FieldView value, field(index));
  if (value.type() != DataType::kEnumVal) {
    return status::Invalid("field \"", value.name(), "\" of ", names_->ToString(), " is ",
                           DataTypeName(value.type()), ", not ENUMVAL");
  }
  if (value.size() < 1) {
    return status::Invalid("field \"", value.name(), "\" of ", names_->ToString(), " is empty");
  }
  const auto number = LoadUnaligned<int32_t>(value.data());
  FieldWalk walk(*this);
  while (walk.Next()) {
    const FieldView& label = walk.field();
    if (label.type() == DataType::kEnumDict && label.size() >= 1 &&
        label.field().enum_type() == value.field().enum_type() &&
        LoadUnaligned<int32_t>(label.data()) == number) {
      return label.field().base_name();
    }
  }
  ALKAID_RETURN_NOT_OK(walk.status());
  return status::KeyError("no label of enumeration \"", std::string(value.field().enum_type()),
                          "\" has the number ", number);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status CheckDgram(const Dgram& dgram) try {
  if (dgram.configuration() == nullptr) {
    return dgram.Fault(0, absl::StrCat(TransitionName(dgram.service()), " before any Configure"));
  }
  return ForEachField(dgram, [](const ShapesData&, const FieldView&) {});
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<HeldField> FindField(const Dgram& dgram, const FieldHandle& handle) try {
  if (handle.configuration() == nullptr || handle.configuration() != dgram.configuration()) {
    return status::FailedPrecondition(
        "field handle of another Configuration than that of datagram ", dgram.index(), " of ",
        dgram.source());
  }
  ShapesDataWalk walk(dgram);
  while (walk.Next()) {
    const NamesId id = walk.shapes_data().names().id();
    for (const FieldHandle::Place& place : handle.places()) {
      if (place.id != id) continue;
      ALKAID_ASSIGN_OR_RAISE(const FieldView field, walk.shapes_data().field(place.field));
      return HeldField(field, dgram);
    }
  }
  ALKAID_RETURN_NOT_OK(walk.status());
  return status::KeyError("datagram ", dgram.index(), " of ", dgram.source(),
                          " does not carry NamesId ", handle.places().front().id.ToString());
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::dgram
