#include "alkaid/c/fields.h"

#include <concepts>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "alkaid/c/buffers_internal.h"
#include "alkaid/c/dgrams_internal.h"
#include "alkaid/c/fields_internal.h"
#include "alkaid/c/handles_internal.h"
#include "alkaid/c/structs_internal.h"
#include "alkaid/dgram/shapes_data.h"

using alkaid::Result;
using alkaid::Status;
using alkaid::c::Call;
using alkaid::c::CheckNeeded;
using alkaid::c::FailAs;
using alkaid::c::Get;
using alkaid::c::IsOnlyReference;
using alkaid::c::Make;
using alkaid::c::NewBuffer;
using alkaid::c::Release;
using alkaid::c::Retain;
using alkaid::dgram::DataType;
using alkaid::dgram::Field;
using alkaid::dgram::FieldHandle;
using alkaid::dgram::FieldView;
using alkaid::dgram::FieldWalk;
using alkaid::dgram::HeldField;
using alkaid::dgram::Names;
using alkaid::dgram::ShapesDataWalk;

namespace alkaid::c {

// A walk over every field of a datagram. It cannot be moved: its walks point to what they walk
// over.
class FieldCursor {
 public:
  explicit FieldCursor(const dgram::Dgram& dgram) : dgram_(dgram), data_(dgram_) {}

  // Returns false at the end. A fault is returned again by every later call.
  Result<bool> Next() {
    while (true) {
      if (fields_.has_value()) {
        if (fields_->Next()) return true;
        ALKAID_RETURN_NOT_OK(fields_->status());
        fields_.reset();
      }
      if (!data_.Next()) {
        ALKAID_RETURN_NOT_OK(data_.status());
        return false;
      }
      fields_.emplace(data_.shapes_data());
    }
  }
  const dgram::Dgram& dgram() const { return dgram_; }
  const FieldView& view() const { return fields_->field(); }
  const Names& names() const { return data_.shapes_data().names(); }

 private:
  const dgram::Dgram dgram_;
  ShapesDataWalk data_;
  std::optional<FieldWalk> fields_;
};

std::shared_ptr<Buffer> BytesOf(const alkaid_field& field) {
  const std::shared_ptr<Buffer>& buffer = field.dgram.origin()->buffer;
  return SliceBuffer(buffer, field.view.data() - buffer->data(), field.view.nbytes());
}

}  // namespace alkaid::c

alkaid_field::alkaid_field() = default;
alkaid_field::~alkaid_field() = default;

namespace {

void Describe(const Names& names, const Field& field, alkaid_field_declaration* out) {
  *out = {sizeof(*out),
          names.detector().c_str(),
          names.detector_type().c_str(),
          names.detector_id().c_str(),
          names.algorithm().name.c_str(),
          field.name.c_str(),
          names.algorithm().version,
          names.segment(),
          static_cast<int32_t>(field.type),
          field.rank};
}

Result<std::unique_ptr<alkaid_field>> FindField(const alkaid_dgram& dgram,
                                                const FieldHandle& handle) {
  auto field = std::make_unique<alkaid_field>();
  ALKAID_ASSIGN_OR_RAISE(const HeldField found, alkaid::dgram::FindField(dgram.dgram, handle));
  field->dgram = dgram.dgram;
  field->view = found.view();
  for (const FieldHandle::Place& place : handle.places()) {
    const Names* const names = handle.configuration()->Find(place.id);
    if (&names->fields()[static_cast<size_t>(place.field)] == &found.field()) field->names = names;
  }
  return field;
}

// Passes a scalar, in its declared type, to `visit`; kInvalidArgument for a field that is not a
// scalar.
template <typename Visit>
Status VisitScalar(const FieldView& field, const Visit& visit) {
  const auto read = [&]<typename T>(T) -> Status {
    ALKAID_ASSIGN_OR_RAISE(const T value, field.Scalar<T>());
    return visit(value);
  };
  switch (field.type()) {
    case DataType::kUInt8:
    case DataType::kCharStr:
      return read(uint8_t{});
    case DataType::kUInt16:
      return read(uint16_t{});
    case DataType::kUInt32:
      return read(uint32_t{});
    case DataType::kUInt64:
      return read(uint64_t{});
    case DataType::kInt8:
      return read(int8_t{});
    case DataType::kInt16:
      return read(int16_t{});
    case DataType::kInt32:
    case DataType::kEnumVal:
    case DataType::kEnumDict:
      return read(int32_t{});
    case DataType::kInt64:
      return read(int64_t{});
    case DataType::kFloat:
      return read(float{});
    case DataType::kDouble:
      return read(double{});
  }
  return alkaid::status::Invalid("field '", field.name(), "' has no known type");
}

Status WrongKind(const FieldView& field, const char* wanted) {
  return alkaid::status::Invalid("field '", field.name(), "' is ",
                                 alkaid::dgram::DataTypeName(field.type()), ", not ", wanted);
}

template <std::integral Wanted>
Status GetInteger(const FieldView& field, Wanted* out) {
  return VisitScalar(field, [&]<typename T>(T value) -> Status {
    if constexpr (std::integral<T>) {
      if (!std::in_range<Wanted>(value)) {
        return alkaid::status::IndexError("field '", field.name(), "' is ", +value,
                                          ", which does not fit");
      }
      // Promoted: a signed char is a number here.
      *out = static_cast<Wanted>(+value);
      return absl::OkStatus();
    } else {
      return WrongKind(field, "an integer");
    }
  });
}

}  // namespace

const char* alkaid_type_name(int32_t type) {
  if (type < 0 || type >= alkaid::dgram::kDataTypeCount) return nullptr;
  return alkaid::dgram::DataTypeName(static_cast<DataType>(type));
}

int32_t alkaid_type_size(int32_t type) {
  if (type < 0 || type >= alkaid::dgram::kDataTypeCount) return -1;
  return alkaid::dgram::DataTypeSize(static_cast<DataType>(type));
}

int64_t alkaid_configuration_field_count(const alkaid_configuration* configuration) {
  return Get(__func__, "configuration", configuration, int64_t{-1},
             [](const alkaid_configuration& of) {
               size_t count = 0;
               for (const Names& names : of.configuration->names()) count += names.fields().size();
               return static_cast<int64_t>(count);
             });
}

alkaid_status alkaid_configuration_get_field(const alkaid_configuration* configuration,
                                             int64_t index, alkaid_field_declaration* declaration) {
  return Call(__func__, [&]() -> Status {
    ALKAID_RETURN_NOT_OK(
        CheckNeeded({{"configuration", configuration}, {"declaration", declaration}}));
    int64_t left = index;
    for (const Names& names : configuration->configuration->names()) {
      const auto count = static_cast<int64_t>(names.fields().size());
      if (left >= 0 && left < count) {
        alkaid_field_declaration found;
        Describe(names, names.fields()[static_cast<size_t>(left)], &found);
        return alkaid::c::WriteResult("alkaid_field_declaration", found, declaration);
      }
      left -= count;
    }
    return alkaid::status::IndexError("field ", index, " of ",
                                      alkaid_configuration_field_count(configuration));
  });
}

alkaid_status alkaid_configuration_find(const alkaid_configuration* configuration,
                                        const char* detector, uint32_t segment,
                                        const char* algorithm, const char* name,
                                        alkaid_field_key** out) {
  return Make(__func__, out,
              {{"configuration", configuration},
               {"detector", detector},
               {"algorithm", algorithm},
               {"name", name}},
              [&]() -> Result<std::unique_ptr<alkaid_field_key>> {
                auto key = std::make_unique<alkaid_field_key>();
                ALKAID_ASSIGN_OR_RAISE(key->handle, configuration->configuration->Find(
                                                        detector, segment, algorithm, name));
                return key;
              });
}

int32_t alkaid_configuration_equals(const alkaid_configuration* a, const alkaid_configuration* b) {
  const Status status = CheckNeeded({{"a", a}, {"b", b}});
  if (!status.ok()) return FailAs(int32_t{-1}, __func__, status);
  return a->configuration->DeclaresTheSame(*b->configuration) ? 1 : 0;
}

void alkaid_configuration_retain(alkaid_configuration* configuration) { Retain(configuration); }
void alkaid_configuration_release(alkaid_configuration* configuration) { Release(configuration); }

alkaid_status alkaid_dgram_get_field(const alkaid_dgram* dgram, const alkaid_field_key* key,
                                     alkaid_field** out) {
  return Make(__func__, out, {{"dgram", dgram}, {"key", key}},
              [&] { return FindField(*dgram, key->handle); });
}

alkaid_status alkaid_dgram_find(const alkaid_dgram* dgram, const char* detector, uint32_t segment,
                                const char* algorithm, const char* name, alkaid_field** out) {
  return Make(__func__, out,
              {{"dgram", dgram}, {"detector", detector}, {"algorithm", algorithm}, {"name", name}},
              [&]() -> Result<std::unique_ptr<alkaid_field>> {
                const auto& configuration = dgram->dgram.configuration();
                if (configuration == nullptr) {
                  return alkaid::status::FailedPrecondition("datagram ", dgram->dgram.index(),
                                                            " of ", dgram->dgram.source(),
                                                            " was read without a Configuration");
                }
                ALKAID_ASSIGN_OR_RAISE(const FieldHandle handle,
                                       configuration->Find(detector, segment, algorithm, name));
                return FindField(*dgram, handle);
              });
}

alkaid_status alkaid_dgram_next_field(const alkaid_dgram* dgram, alkaid_field** field) {
  return Call(__func__, [&]() -> Status {
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"dgram", dgram}, {"field", field}}));
    alkaid_field* const before = *field;
    std::unique_ptr<alkaid_field> handle;  // null: the previous one is used again
    if (before == nullptr) {
      handle = std::make_unique<alkaid_field>();
      handle->cursor = std::make_unique<alkaid::c::FieldCursor>(dgram->dgram);
    } else if (before->cursor == nullptr || before->cursor->dgram().data() != dgram->dgram.data()) {
      return alkaid::status::Invalid("argument 'field' is not from a walk over this datagram");
    } else if (!IsOnlyReference(*before)) {
      handle = std::make_unique<alkaid_field>();
    }
    alkaid::c::FieldCursor& cursor = *(before == nullptr ? *handle : *before).cursor;
    ALKAID_ASSIGN_OR_RAISE(const bool more, cursor.Next());
    if (!more) {
      *field = nullptr;
      Release(before);
      return absl::OkStatus();
    }
    alkaid_field& next = handle != nullptr ? *handle : *before;
    if (handle != nullptr) handle->dgram = dgram->dgram;
    next.view = cursor.view();
    next.names = &cursor.names();
    if (handle == nullptr) return absl::OkStatus();
    if (before != nullptr) handle->cursor = std::move(before->cursor);
    *field = handle.release();
    Release(before);
    return absl::OkStatus();
  });
}

void alkaid_field_key_retain(alkaid_field_key* key) { Retain(key); }
void alkaid_field_key_release(alkaid_field_key* key) { Release(key); }

alkaid_status alkaid_field_get_declaration(const alkaid_field* field,
                                           alkaid_field_declaration* declaration) {
  return Call(__func__, [&]() -> Status {
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"field", field}, {"declaration", declaration}}));
    alkaid_field_declaration found;
    Describe(*field->names, field->view.field(), &found);
    return alkaid::c::WriteResult("alkaid_field_declaration", found, declaration);
  });
}

int32_t alkaid_field_type(const alkaid_field* field) {
  return Get(__func__, "field", field, int32_t{-1},
             [](const alkaid_field& of) { return static_cast<int32_t>(of.view.type()); });
}

int32_t alkaid_field_rank(const alkaid_field* field) {
  return Get(__func__, "field", field, int32_t{-1},
             [](const alkaid_field& of) -> int32_t { return of.view.rank(); });
}

int64_t alkaid_field_dim(const alkaid_field* field, int32_t dimension) {
  return Get(__func__, "field", field, int64_t{-1}, [&](const alkaid_field& of) {
    if (dimension >= 0 && dimension < of.view.rank()) return of.view.dim(dimension);
    return FailAs(int64_t{-1}, "alkaid_field_dim",
                  alkaid::status::IndexError("dimension ", dimension, " of field '", of.view.name(),
                                             "' of rank ", of.view.rank()));
  });
}

int64_t alkaid_field_count(const alkaid_field* field) {
  return Get(__func__, "field", field, int64_t{-1},
             [](const alkaid_field& of) { return of.view.size(); });
}

int64_t alkaid_field_size(const alkaid_field* field) {
  return Get(__func__, "field", field, int64_t{-1},
             [](const alkaid_field& of) { return of.view.nbytes(); });
}

const uint8_t* alkaid_field_data(const alkaid_field* field) {
  return Get(__func__, "field", field, static_cast<const uint8_t*>(nullptr),
             [](const alkaid_field& of) { return of.view.data(); });
}

alkaid_status alkaid_field_buffer(const alkaid_field* field, alkaid_buffer** out) {
  return Make(__func__, out, {{"field", field}}, [&]() -> Result<std::unique_ptr<alkaid_buffer>> {
    return NewBuffer(alkaid::c::BytesOf(*field));
  });
}

alkaid_status alkaid_field_get_int64(const alkaid_field* field, int64_t* out) {
  return Call(__func__, [&]() -> Status {
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"field", field}, {"out", out}}));
    return GetInteger(field->view, out);
  });
}

alkaid_status alkaid_field_get_uint64(const alkaid_field* field, uint64_t* out) {
  return Call(__func__, [&]() -> Status {
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"field", field}, {"out", out}}));
    return GetInteger(field->view, out);
  });
}

alkaid_status alkaid_field_get_double(const alkaid_field* field, double* out) {
  return Call(__func__, [&]() -> Status {
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"field", field}, {"out", out}}));
    return VisitScalar(field->view, [&]<typename T>(T value) -> Status {
      if constexpr (std::integral<T> && sizeof(T) > 4) {
        return WrongKind(field->view, "a number that a double holds");
      } else {
        *out = static_cast<double>(value);
        return absl::OkStatus();
      }
    });
  });
}

alkaid_status alkaid_field_get_text(const alkaid_field* field, const char** out, int64_t* size) {
  return Call(__func__, [&]() -> Status {
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"field", field}, {"out", out}, {"size", size}}));
    ALKAID_ASSIGN_OR_RAISE(const std::string_view text, field->view.String());
    *out = text.data();
    *size = static_cast<int64_t>(text.size());
    return absl::OkStatus();
  });
}

void alkaid_field_retain(alkaid_field* field) { Retain(field); }
void alkaid_field_release(alkaid_field* field) { Release(field); }
