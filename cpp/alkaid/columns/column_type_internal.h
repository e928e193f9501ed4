// ColumnType: the column that a field becomes. It depends on type and rank alone, so that a stream
// of batches has one type.
//
// Threads: plain values. Out of memory: throws std::bad_alloc.
#pragma once

#include <string>

#include "alkaid/base/export.h"
#include "alkaid/columns/column.h"
#include "alkaid/dgram/names.h"
#include "alkaid/interop/arrow_data.h"

namespace alkaid::columns::internal {

struct ALKAID_EXPORT ColumnType {
  enum class Kind { kScalar, kList, kText };

  dgram::DataType type = dgram::DataType::kUInt8;
  int rank = 0;

  Kind kind() const {
    if (type == dgram::DataType::kCharStr) return Kind::kText;
    return rank == 0 ? Kind::kScalar : Kind::kList;
  }
  bool is_enum() const {
    return type == dgram::DataType::kEnumVal || type == dgram::DataType::kEnumDict;
  }
  // "UINT16 of rank 2".
  std::string ToString() const;
  friend bool operator==(const ColumnType&, const ColumnType&) = default;
};

// Arrow's format letter for the elements; for text "C", for each byte.
ALKAID_EXPORT const char* ElementFormat(dgram::DataType type);

// The fields of the column, and of the shapes next to an array.
ALKAID_EXPORT interop::Field FieldOf(const ColumnType& type, const std::string& name,
                                     bool large_lists, bool binary_text);
ALKAID_EXPORT interop::Field ShapeFieldOf(int rank, const std::string& name);

}  // namespace alkaid::columns::internal
