// Table: what the datagrams of a batch say of themselves, and fields beside, as one struct column.
//
//   Column          Format  What it is
//   index           l       which datagram of its source
//   offset          l       the byte where it starts there; of an event, see Dgram::offset
//   timestamp       L       seconds << 32 | nanoseconds, as `alkaid dgram dump` and psana have it
//   service         C       the transition: 12 for an L1Accept
//   readout_groups  S
//   damage          S       of the datagram
//   FIELD           as MakeColumn has it, named as its path: "xpphsd/0/raw/waveform"
//   FIELD.shape     +w:RANK of uint32, for arrays of rank 2 and more
//
// All of a table's columns have the same rows, and its type is that of its fields: it does not
// depend on the data.
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

// Errors as of MakeColumn. The copied bytes are those of all fields; why, of the first that was. A
// batch of which no datagram is a row gives a table of no rows. Where a batch is beyond 2^31
// elements and `large_lists` is not set, kOutOfRange.
ALKAID_EXPORT Result<Column> MakeTable(const dgram::DgramBatch& batch,
                                       const std::vector<FieldPath>& fields,
                                       const ColumnOptions& options = {});

}  // namespace alkaid::columns
