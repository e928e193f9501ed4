#include "tools/dgram/field_text.h"

#include <algorithm>

namespace alkaid::tools {
namespace {

template <typename T>
nlohmann::ordered_json Elements(const dgram::FieldView& field, int64_t elements) {
  if (field.rank() == 0) return dgram::LoadUnaligned<T>(field.data());
  auto list = nlohmann::ordered_json::array();
  const int64_t count = std::min(field.size(), elements);
  for (int64_t i = 0; i < count; ++i) {
    list.push_back(dgram::LoadUnaligned<T>(field.data() + i * static_cast<int64_t>(sizeof(T))));
  }
  return list;
}

}  // namespace

nlohmann::ordered_json ValueJson(const dgram::FieldView& field, int64_t elements) {
  using dgram::DataType;
  switch (field.type()) {
    case DataType::kUInt8:
      return Elements<uint8_t>(field, elements);
    case DataType::kUInt16:
      return Elements<uint16_t>(field, elements);
    case DataType::kUInt32:
      return Elements<uint32_t>(field, elements);
    case DataType::kUInt64:
      return Elements<uint64_t>(field, elements);
    case DataType::kInt8:
      return Elements<int8_t>(field, elements);
    case DataType::kInt16:
      return Elements<int16_t>(field, elements);
    case DataType::kInt32:
    case DataType::kEnumVal:
    case DataType::kEnumDict:
      return Elements<int32_t>(field, elements);
    case DataType::kInt64:
      return Elements<int64_t>(field, elements);
    case DataType::kFloat:
      return Elements<float>(field, elements);
    case DataType::kDouble:
      return Elements<double>(field, elements);
    case DataType::kCharStr:
      return std::string(field.String().value());
  }
  return nullptr;
}

std::string FieldTypeText(const dgram::FieldView& field) {
  std::string text = dgram::DataTypeName(field.type());
  if (field.rank() == 0) return text;
  for (int i = 0; i < field.rank(); ++i) {
    text += i == 0 ? '[' : 'x';
    text += std::to_string(field.dim(i));
  }
  return text + ']';
}

}  // namespace alkaid::tools
