// The rows of a batch, each with the field that is asked for.
//
// Ownership: borrows. Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

#include "alkaid/base/status.h"
#include "alkaid/columns/column.h"
#include "alkaid/columns/resolved_field_internal.h"
#include "alkaid/dgram/batch.h"
#include "alkaid/dgram/shapes_data.h"

namespace alkaid::columns::internal {

inline bool IsRow(const dgram::Dgram& dgram, const ColumnOptions& options) {
  if (options.rows == Rows::kL1Accepts && !dgram.is_l1_accept()) return false;
  return !options.take || options.take(dgram);
}

// kFailedPrecondition: the field of this datagram is of another type than the column.
Status TypeChanged(const dgram::Dgram& dgram, const std::string& name, const ColumnType& is,
                   const ColumnType& was);

// Calls `visit(dgram, field)` for each row, in order; `field` is null where the datagram does not
// carry it. Ends where it returns false. Errors: of the walk, and TypeChanged.
template <typename Visit>
Status ForEachRow(const dgram::DgramBatch& batch, const ResolvedField& wanted,
                  const ColumnOptions& options, Visit&& visit) {
  for (const dgram::Dgram& dgram : batch) {
    if (!IsRow(dgram, options)) continue;
    dgram::ShapesDataWalk walk(dgram);
    const ResolvedField::Place* place = nullptr;
    while (place == nullptr && walk.Next()) place = wanted.Find(walk.shapes_data().names());
    if (place == nullptr) {
      if (!walk.status().ok()) [[unlikely]]
        return walk.status();
      if (!visit(dgram, nullptr)) return absl::OkStatus();
      continue;
    }
    if (place->type != wanted.type) [[unlikely]]
      return TypeChanged(dgram, wanted.name, place->type, wanted.type);
    dgram::FieldWalk fields(walk.shapes_data());
    do {
      if (!fields.Next()) [[unlikely]]
        return fields.status();
    } while (fields.index() != place->field);
    if (!visit(dgram, &fields.field())) return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace alkaid::columns::internal
