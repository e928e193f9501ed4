// Table: the headers of a batch's datagrams, and any fields, as one struct column.
//
//   Column          Format  What it is
//   index           l       the datagram's number in its source
//   offset          l       the byte where it starts there; for an event see Dgram::offset
//   timestamp       L       seconds << 32 | nanoseconds, as in `alkaid dgram dump` and psana
//   service         C       the transition: 12 for an L1Accept
//   readout_groups  S
//   damage          S       of the datagram
//   FIELD           as MakeColumn makes it, named by its path: "xpphsd/0/raw/waveform"
//   FIELD.shape     +w:RANK of uint32, for arrays of rank 2 and more
//
// All of a table's columns have the same rows. The table's type follows from its fields and does
// not depend on the data.
//
// Ownership: as a column. Threads: any. Out of memory: kResourceExhausted.
#pragma once

#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/columns/column.h"
#include "alkaid/columns/field_path.h"
#include "alkaid/dgram/batch.h"

namespace alkaid::columns {

// `copied_bytes` is the sum over all fields; `why_copied` is that of the first field that was
// copied. A batch without rows gives an empty table. Errors: as MakeColumn, and
// - kInvalidArgument: a field is named twice
// - kOutOfRange: the batch has more than 2^31 - 1 bytes and `large_lists` is not set
// - kFailedPrecondition: `take` selects other datagrams when it is called again
ALKAID_EXPORT Result<Column> MakeTable(const dgram::DgramBatch& batch,
                                       const std::vector<FieldPath>& fields,
                                       const ColumnOptions& options = {});

}  // namespace alkaid::columns
