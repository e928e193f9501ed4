// FieldColumn: one field over a batch, as an Arrow column.
//
//   ALKAID_ASSIGN_OR_RAISE(auto images, MakeColumn(batch, {"jungfrau", 0, "raw", "raw"}));
//   interop::ExportArray(images.field, images.array, &array);
//
//   The field           The column
//   numbers, rank >= 1  list view ("+vl", "+vL") whose child is the batch; copied if misaligned
//   numbers, rank 0     primitive; gathered
//   CHARSTR             string view ("vu", "vz") into the batch, up to the first NUL
//   ENUMVAL, ENUMDICT   int32 as in the datagrams, with "alkaid.type" in the metadata
//
// If all rows have one shape, the metadata has it as "alkaid.shape": "[512,1024]".
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

// A declared field that no datagram carries becomes a column of nulls. Errors:
// - kNotFound: the batch's Configuration does not declare the field, or the batch has no
//   Configuration. The message lists at most 16 names: the fields of that detector, segment and
//   algorithm if these are declared, else the declarations ("xpphsd/0/raw")
// - kFailedPrecondition, naming datagram and byte: elements would have to be copied, which is not
//   allowed; text is not UTF-8; or a datagram's field has another type than the first declaration
//   of that name
// - kFailedPrecondition: `take` selects other datagrams when it is called again
// - kDataLoss: a malformed datagram, as walks report it
// - kOutOfRange: text above 2^30 bytes
// - kInvalidArgument: a batch without datagrams
ALKAID_EXPORT Result<FieldColumn> MakeColumn(const dgram::DgramBatch& batch, const FieldPath& path,
                                             const ColumnOptions& options = {});

}  // namespace alkaid::columns
