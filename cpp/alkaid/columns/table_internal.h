// The type of a table, and tables of that type from batches of several Configurations.
//
// Ownership: values. Threads: one. Out of memory: kResourceExhausted, or std::bad_alloc.
#pragma once

#include <memory>
#include <vector>

#include "alkaid/base/status.h"
#include "alkaid/columns/column.h"
#include "alkaid/columns/column_type_internal.h"
#include "alkaid/columns/field_path.h"
#include "alkaid/columns/resolved_field_internal.h"
#include "alkaid/dgram/batch.h"

namespace alkaid::columns::internal {

class TableType {
 public:
  // Uses the declarations of that Configuration. kNotFound as ResolvedField::Resolve;
  // kInvalidArgument for a field that is named twice.
  static Result<TableType> Make(std::shared_ptr<const dgram::Configuration> configuration,
                                const std::vector<FieldPath>& fields, const ColumnOptions& options);

  const interop::Field& field() const { return field_; }
  // The table of a batch. Fields that its Configuration does not declare are null.
  // kFailedPrecondition if it declares one with another type, and the batch has a row.
  Result<Column> Make(const dgram::DgramBatch& batch, const ColumnOptions& options);

 private:
  struct Wanted {
    FieldPath path;
    ColumnType type;      // as first declared
    ResolvedField field;  // in configuration_; without places if that does not declare it
  };

  Status ResolveAgain(const dgram::DgramBatch& batch, const ColumnOptions& options);

  std::shared_ptr<const dgram::Configuration> configuration_;
  std::vector<Wanted> wanted_;
  interop::Field field_;
};

}  // namespace alkaid::columns::internal
