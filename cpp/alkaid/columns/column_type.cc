#include "absl/strings/str_cat.h"
#include "alkaid/columns/column_type_internal.h"

namespace alkaid::columns::internal {

std::string ColumnType::ToString() const {
  return absl::StrCat(dgram::DataTypeName(type), " of rank ", rank);
}

const char* ElementFormat(dgram::DataType type) {
  constexpr const char* kFormats[dgram::kDataTypeCount] = {"C", "S", "I", "L", "c", "s", "i",
                                                           "l", "f", "g", "C", "i", "i"};
  return kFormats[static_cast<int>(type)];
}

interop::Field FieldOf(const ColumnType& type, const std::string& name, bool large_lists,
                       bool binary_text) {
  interop::Field field;
  field.name = name;
  if (type.is_enum()) field.metadata.emplace_back("alkaid.type", dgram::DataTypeName(type.type));
  switch (type.kind()) {
    case ColumnType::Kind::kScalar:
      field.format = ElementFormat(type.type);
      break;
    case ColumnType::Kind::kText:
      field.format = binary_text ? "vz" : "vu";
      break;
    case ColumnType::Kind::kList: {
      field.format = large_lists ? "+vL" : "+vl";
      interop::Field item;
      item.name = "item";
      item.format = ElementFormat(type.type);
      item.nullable = false;
      field.children.push_back(std::move(item));
      break;
    }
  }
  return field;
}

interop::Field ShapeFieldOf(int rank, const std::string& name) {
  interop::Field field;
  field.name = name + ".shape";
  field.format = absl::StrCat("+w:", rank);
  field.children.resize(1);
  field.children[0].name = "item";
  field.children[0].format = "I";
  field.children[0].nullable = false;
  return field;
}

}  // namespace alkaid::columns::internal
