// The column of a field of numbers of rank 1 or more: a list view whose child is the batch.
//
//      batch   |hdr|....aaaaaaaa|hdr|..bbbbbbbb|hdr|.....|hdr|..dddddddd|
//      child       0  1  2  3  4  5  6 ...                                  elements from the first
//      offsets          3         6         0        11                     aligned address on
//      sizes            2         2         0         2
//      validity         1         1         0         1
//
// To show rows in place, each must begin a whole number of elements after the child's start. So
// their addresses must have the same remainder by the element size. That remainder must be 0, so
// that the child is aligned, unless the caller allows another. If one row does not fit, all are
// copied, back to back, into one buffer.
//
// Threads: free of state. Out of memory: kResourceExhausted, or std::bad_alloc.
#pragma once

#include "alkaid/base/status.h"
#include "alkaid/columns/column.h"
#include "alkaid/columns/resolved_field_internal.h"
#include "alkaid/dgram/batch.h"

namespace alkaid::columns::internal {

Result<FieldColumn> ListColumn(const dgram::DgramBatch& batch, const ResolvedField& wanted,
                               const ColumnOptions& options);

}  // namespace alkaid::columns::internal
