// FieldColumn: one field over a batch, as a column of Arrow.
//
//   ALKAID_ASSIGN_OR_RAISE(auto images, MakeColumn(batch, {"jungfrau", 0, "raw", "raw"}));
//   interop::ExportArray(images.field, images.array, &array);
//
//   The field           The column
//   numbers, rank >= 1  list view ("+vl", "+vL") whose child is the batch; copied where misaligned
//   numbers, rank 0     primitive; gathered
//   CHARSTR             string view ("vu", "vz") into the batch, up to the first NUL
//   ENUMVAL, ENUMDICT   int32 as the datagrams have it, "alkaid.type" in the metadata
//
// Where all rows have one shape, the metadata has it as "alkaid.shape": "[512,1024]".
//
// Ownership: the column holds the batch's Buffer. Threads: any; a batch may be read by several. Out
// of memory: kResourceExhausted.
#pragma once

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/columns/column.h"
#include "alkaid/columns/field_path.h"
#include "alkaid/dgram/batch.h"

namespace alkaid::columns {

// kNotFound, naming what there is: the batch's Configuration does not declare the field. A field
// that is declared, and that no datagram carries, is a column of nulls.
// kFailedPrecondition, naming datagram and byte: elements that would have to be copied, where that
// is not allowed; text that is not UTF-8; a datagram whose field has another type than the first
// declaration of that name. kDataLoss: a malformed datagram, as walks report it. kOutOfRange:
// text above 2^30 bytes. kInvalidArgument: a batch without datagrams.
ALKAID_EXPORT Result<FieldColumn> MakeColumn(const dgram::DgramBatch& batch, const FieldPath& path,
                                             const ColumnOptions& options = {});

}  // namespace alkaid::columns
