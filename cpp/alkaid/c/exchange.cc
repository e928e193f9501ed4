#include "alkaid/c/exchange.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "alkaid/c/buffers_internal.h"
#include "alkaid/c/fields_internal.h"
#include "alkaid/c/handles_internal.h"
#include "alkaid/interop/arrow_data.h"
#include "alkaid/interop/arrow_export.h"
#include "alkaid/interop/dlpack.h"
#include "alkaid/interop/tensor.h"

using alkaid::Result;
using alkaid::Status;
using alkaid::c::Call;
using alkaid::c::CheckNeeded;
using alkaid::dgram::DataType;
using alkaid::interop::ElementType;
using alkaid::interop::Tensor;

namespace {

ElementType ElementOf(DataType type) {
  switch (type) {
    case DataType::kUInt8:
    case DataType::kCharStr:
      return ElementType::Of<uint8_t>();
    case DataType::kUInt16:
      return ElementType::Of<uint16_t>();
    case DataType::kUInt32:
      return ElementType::Of<uint32_t>();
    case DataType::kUInt64:
      return ElementType::Of<uint64_t>();
    case DataType::kInt8:
      return ElementType::Of<int8_t>();
    case DataType::kInt16:
      return ElementType::Of<int16_t>();
    case DataType::kInt32:
    case DataType::kEnumVal:
    case DataType::kEnumDict:
      return ElementType::Of<int32_t>();
    case DataType::kInt64:
      return ElementType::Of<int64_t>();
    case DataType::kFloat:
      return ElementType::Of<float>();
    case DataType::kDouble:
      return ElementType::Of<double>();
  }
  return ElementType::Of<uint8_t>();
}

Result<Tensor> TensorOf(const alkaid_buffer& buffer) {
  return Tensor::Make(buffer.buffer, ElementType::Of<uint8_t>(), {buffer.buffer->size()});
}

Result<Tensor> TensorOf(const alkaid_field& field) {
  std::vector<int64_t> shape;
  for (int i = 0; i < field.view.rank(); ++i) shape.push_back(field.view.dim(i));
  return Tensor::Make(alkaid::c::BytesOf(field), ElementOf(field.view.type()), std::move(shape));
}

Result<alkaid::interop::DLPackOptions> OptionsOf(int32_t copy) {
  alkaid::interop::DLPackOptions options;
  if (copy == ALKAID_COPY_ALWAYS) {
    options.copy = true;
  } else if (copy == ALKAID_COPY_NEVER) {
    options.copy = false;
  } else if (copy != ALKAID_COPY_IF_NEEDED) {
    return alkaid::status::Invalid("argument 'copy' is ", copy,
                                   ", which is not an ALKAID_COPY_ value");
  }
  return options;
}

Status ToDLPack(const Tensor& tensor, int32_t copy, DLManagedTensorVersioned** out) {
  ALKAID_ASSIGN_OR_RAISE(const auto options, OptionsOf(copy));
  ALKAID_ASSIGN_OR_RAISE(*out, alkaid::interop::ExportDLPack(tensor, options));
  return absl::OkStatus();
}

// The elements in place, or a copy.
Result<Tensor> WithCopy(const Tensor& tensor, int32_t copy) {
  ALKAID_ASSIGN_OR_RAISE(const auto options, OptionsOf(copy));
  if (options.copy.has_value() && !*options.copy && !tensor.is_aligned()) {
    return alkaid::status::FailedPrecondition(tensor.type().ToString(), " at address ",
                                              absl::Hex(tensor.address()),
                                              " is misaligned, and no copy was allowed");
  }
  if (options.copy.value_or(!tensor.is_aligned())) return tensor.Copy();
  return tensor;
}

// A column along the first dimension, one row for a scalar; inner dimensions are lists of fixed
// size.
Status ToArrow(const Tensor& elements, std::string name, int32_t copy, ArrowSchema* schema,
               ArrowArray* array) {
  ALKAID_ASSIGN_OR_RAISE(const Tensor tensor, WithCopy(elements, copy));
  alkaid::interop::Field field;
  ALKAID_ASSIGN_OR_RAISE(field.format, alkaid::interop::FormatOf(tensor.type()));
  field.nullable = false;
  alkaid::interop::ArrayData data = alkaid::interop::MakeFixedWidth(tensor.size(), tensor.buffer());
  for (int i = tensor.rank() - 1; i > 0; --i) {
    alkaid::interop::Field list;
    list.format = absl::StrCat("+w:", tensor.shape()[static_cast<size_t>(i)]);
    list.nullable = false;
    field.name = "item";
    list.children.push_back(std::move(field));
    field = std::move(list);
    alkaid::interop::ArrayData lists;
    lists.length = 1;
    for (int j = 0; j < i; ++j) lists.length *= tensor.shape()[static_cast<size_t>(j)];
    lists.null_count = 0;
    lists.buffers = {nullptr};
    lists.children.push_back(std::move(data));
    data = std::move(lists);
  }
  field.name = std::move(name);
  // Into local structs: the caller's stay as they are if one of the two exports fails.
  ArrowSchema made_schema;
  ALKAID_RETURN_NOT_OK(alkaid::interop::ExportField(field, &made_schema));
  ArrowArray made_array;
  const Status status = alkaid::interop::ExportArray(field, data, &made_array);
  if (!status.ok()) {
    made_schema.release(&made_schema);
    return status;
  }
  *schema = made_schema;
  *array = made_array;
  return absl::OkStatus();
}

}  // namespace

alkaid_status alkaid_buffer_to_dlpack(const alkaid_buffer* buffer, int32_t copy,
                                      struct DLManagedTensorVersioned** out) {
  return Call(__func__, [&]() -> Status {
    if (out != nullptr) *out = nullptr;
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"buffer", buffer}, {"out", out}}));
    ALKAID_ASSIGN_OR_RAISE(const Tensor tensor, TensorOf(*buffer));
    return ToDLPack(tensor, copy, out);
  });
}

alkaid_status alkaid_field_to_dlpack(const alkaid_field* field, int32_t copy,
                                     struct DLManagedTensorVersioned** out) {
  return Call(__func__, [&]() -> Status {
    if (out != nullptr) *out = nullptr;
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"field", field}, {"out", out}}));
    ALKAID_ASSIGN_OR_RAISE(const Tensor tensor, TensorOf(*field));
    return ToDLPack(tensor, copy, out);
  });
}

alkaid_status alkaid_buffer_to_arrow(const alkaid_buffer* buffer, int32_t copy,
                                     struct ArrowSchema* schema, struct ArrowArray* array) {
  return Call(__func__, [&]() -> Status {
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"buffer", buffer}, {"schema", schema}, {"array", array}}));
    ALKAID_ASSIGN_OR_RAISE(const Tensor tensor, TensorOf(*buffer));
    return ToArrow(tensor, "", copy, schema, array);
  });
}

alkaid_status alkaid_field_to_arrow(const alkaid_field* field, int32_t copy,
                                    struct ArrowSchema* schema, struct ArrowArray* array) {
  return Call(__func__, [&]() -> Status {
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"field", field}, {"schema", schema}, {"array", array}}));
    ALKAID_ASSIGN_OR_RAISE(const Tensor tensor, TensorOf(*field));
    return ToArrow(tensor, field->view.name(), copy, schema, array);
  });
}
