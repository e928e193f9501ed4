// CountingValues: values for one detector's fields that follow from one number for each field.
//
// Elements count up from that number, and text contains it. So a program that knows the number
// knows every element.
//
// Ownership: the values are stored here; values() borrows them.
// Threads: one. Out of memory: may throw std::bad_alloc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/dgram/field_value.h"
#include "alkaid/dgram/names.h"

namespace alkaid::tools {

// Calls `visit` with a zero of the type that `type` is read as; for text, of its bytes.
template <typename Visitor>
auto WithType(dgram::DataType type, Visitor&& visit) {
  using dgram::DataType;
  switch (type) {
    case DataType::kUInt8:
    case DataType::kCharStr:
      return visit(uint8_t{});
    case DataType::kUInt16:
      return visit(uint16_t{});
    case DataType::kUInt32:
      return visit(uint32_t{});
    case DataType::kUInt64:
      return visit(uint64_t{});
    case DataType::kInt8:
      return visit(int8_t{});
    case DataType::kInt16:
      return visit(int16_t{});
    case DataType::kInt64:
      return visit(int64_t{});
    case DataType::kFloat:
      return visit(float{});
    case DataType::kDouble:
      return visit(double{});
    case DataType::kInt32:
    case DataType::kEnumVal:
    case DataType::kEnumDict:
      break;
  }
  return visit(int32_t{});
}

// Element `element` of a field that counts up from `base`; and the text of such a field.
template <typename T>
T CountedValue(uint32_t base, int64_t element) {
  const uint32_t counted = base + static_cast<uint32_t>(element);  // modulo 2^32
  return static_cast<T>(counted);
}
std::string CountedText(uint32_t base);
// Characters of that text, and its bytes in a datagram.
inline constexpr int64_t kCountedTextLength = 12;
inline constexpr uint32_t kCountedTextBytes = 16;

// The elements of a shape; 1 for a scalar's empty one.
int64_t ElementsOf(const std::vector<uint32_t>& shape);

class CountingValues {
 public:
  // `shapes` has a shape for each field of `names`; that of text is ignored. All values are zero,
  // texts empty.
  CountingValues(const dgram::Names& names, std::vector<std::vector<uint32_t>> shapes);
  // Not copyable: values() points into it.
  CountingValues(const CountingValues&) = delete;
  CountingValues& operator=(const CountingValues&) = delete;
  CountingValues(CountingValues&&) = default;
  CountingValues& operator=(CountingValues&&) = delete;

  // Makes a field count up from `base`.
  void Count(size_t field, uint32_t base);
  // Sets a field's text, or its elements in memory order: as many as its shape has.
  void SetText(size_t field, std::string text);
  template <typename T>
  void Set(size_t field, std::span<const T> elements) {
    std::copy(elements.begin(), elements.end(), reinterpret_cast<T*>(fields_[field].bytes.data()));
    Refresh(field);
  }

  dgram::DataType type(size_t field) const { return fields_[field].type; }
  int64_t size(size_t field) const { return ElementsOf(fields_[field].shape); }
  std::span<const dgram::FieldValue> values() const { return values_; }

 private:
  struct FieldBytes {
    dgram::DataType type;
    std::vector<uint32_t> shape;
    // operator new aligns it for any element.
    std::vector<uint8_t> bytes;
    std::string text;
  };
  // Makes the field's value from its current bytes.
  void Refresh(size_t field);

  std::vector<FieldBytes> fields_;
  std::vector<dgram::FieldValue> values_;
};

}  // namespace alkaid::tools
