// Makes the column of a field that has already been looked up.
//
// Threads: free of state. Out of memory: kResourceExhausted, or std::bad_alloc.
#pragma once

#include "alkaid/base/status.h"
#include "alkaid/columns/column.h"
#include "alkaid/columns/resolved_field_internal.h"
#include "alkaid/dgram/batch.h"

namespace alkaid::columns::internal {

// The batch must not be empty.
Result<FieldColumn> MakeColumn(const dgram::DgramBatch& batch, const ResolvedField& wanted,
                               const ColumnOptions& options);

}  // namespace alkaid::columns::internal
