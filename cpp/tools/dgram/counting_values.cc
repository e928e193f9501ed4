#include "tools/dgram/counting_values.h"

#include <algorithm>

namespace alkaid::tools {

using dgram::DataType;
using dgram::FieldValue;

std::string CountedText(uint32_t base) {
  std::string text = "event-" + std::to_string(base);
  text.resize(static_cast<size_t>(kCountedTextLength), '.');
  return text;
}

int64_t ElementsOf(const std::vector<uint32_t>& shape) {
  int64_t count = 1;
  for (const uint32_t dimension : shape) count *= dimension;
  return count;
}

CountingValues::CountingValues(const dgram::Names& names,
                               std::vector<std::vector<uint32_t>> shapes) {
  for (size_t i = 0; i < names.fields().size(); ++i) {
    const DataType type = names.fields()[i].type;
    const auto bytes = static_cast<size_t>(ElementsOf(shapes[i]) * dgram::DataTypeSize(type));
    fields_.push_back({type, std::move(shapes[i]), std::vector<uint8_t>(bytes), {}});
    values_.push_back(FieldValue::String(""));
  }
  for (size_t i = 0; i < fields_.size(); ++i) Refresh(i);
}

void CountingValues::Count(size_t field, uint32_t base) {
  FieldBytes& of = fields_[field];
  if (of.type == DataType::kCharStr) {
    SetText(field, CountedText(base));
    return;
  }
  WithType(of.type, [&](auto zero) {
    using T = decltype(zero);
    T* const elements = reinterpret_cast<T*>(of.bytes.data());
    const int64_t count = ElementsOf(of.shape);
    for (int64_t i = 0; i < count; ++i) elements[i] = CountedValue<T>(base, i);
  });
  Refresh(field);
}

void CountingValues::SetText(size_t field, std::string text) {
  fields_[field].text = std::move(text);
  Refresh(field);
}

void CountingValues::Refresh(size_t field) {
  const FieldBytes& of = fields_[field];
  if (of.type == DataType::kCharStr) {
    values_[field] = FieldValue::String(of.text);
    return;
  }
  WithType(of.type, [&](auto zero) {
    using T = decltype(zero);
    const T* const elements = reinterpret_cast<const T*>(of.bytes.data());
    values_[field] = of.shape.empty()
                         ? FieldValue::Scalar<T>(*elements)
                         : FieldValue::Array<T>({elements, of.bytes.size() / sizeof(T)}, of.shape);
  });
}

}  // namespace alkaid::tools
