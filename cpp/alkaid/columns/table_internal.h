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
  // Takes the types from the declarations of `configuration`. kNotFound as ResolvedField::Resolve;
  // kInvalidArgument for a field that is named twice.
  static Result<TableType> Make(std::shared_ptr<const dgram::Configuration> configuration,
                                const std::vector<FieldPath>& fields, const ColumnOptions& options);

  const interop::Field& field() const { return field_; }
  // Makes the table of a batch. A field that the batch's Configuration does not declare is null in
  // every row. kFailedPrecondition if that Configuration declares a field with another type than
  // this table's, and the batch has at least one row.
  Result<Column> Make(const dgram::DgramBatch& batch, const ColumnOptions& options);

 private:
  struct Wanted {
    FieldPath path;
    ColumnType type;      // as first declared
    ResolvedField field;  // in configuration_; has no places if it is not declared there
  };

  Status ResolveAgain(const dgram::DgramBatch& batch, const ColumnOptions& options);

  std::shared_ptr<const dgram::Configuration> configuration_;
  std::vector<Wanted> wanted_;
  interop::Field field_;
};

}  // namespace alkaid::columns::internal
