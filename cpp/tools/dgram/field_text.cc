#include "tools/dgram/field_text.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "alkaid/base/printable_text.h"
#include "tools/support/json_report.h"

namespace alkaid::tools {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json ElementJson(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  }
  if constexpr (std::is_integral_v<T> && sizeof(T) == sizeof(int64_t)) return std::to_string(value);
  return value;
}

template <typename T>
Json Elements(const dgram::FieldView& field, int64_t elements) {
  if (field.rank() == 0) return ElementJson(dgram::LoadUnaligned<T>(field.data()));
  auto list = Json::array();
  const int64_t count = std::min(field.size(), elements);
  for (int64_t i = 0; i < count; ++i) {
    list.push_back(
        ElementJson(dgram::LoadUnaligned<T>(field.data() + i * static_cast<int64_t>(sizeof(T)))));
  }
  return list;
}

std::string ElementText(const Json& element) {
  return element.is_string() ? element.get<std::string>() : JsonLine(element);
}

}  // namespace

Json ValueJson(const dgram::FieldView& field, int64_t elements) {
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

std::string ValueText(const dgram::FieldView& field, int64_t elements) {
  const Json value = ValueJson(field, elements);
  if (field.type() == dgram::DataType::kCharStr) return JsonLine(value);
  if (!value.is_array()) return ElementText(value);
  std::string text = "[";
  for (const Json& element : value) {
    if (text.size() > 1) text += ',';
    text += ElementText(element);
  }
  return text + ']';
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

std::string NameText(std::string_view name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '.' || c == ':' || c == '-';
  });
  if (plain) return std::string(name);
  std::string escaped;
  for (const char c : name) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return '"' + internal::Printable(escaped) + '"';
}

std::string PathText(const dgram::Names& names) {
  return NameText(names.detector()) + '/' + std::to_string(names.segment()) + '/' +
         NameText(names.algorithm().name);
}

}  // namespace alkaid::tools
