// Arrow's C data and device interfaces, the way out: columns for pyarrow, polars, duckdb and others
// without a copy. arrow_import.h is the way in.
//
// Ownership: an exported structure holds the buffers, each child its own, until its `release` is
// called, once, on any thread and without any lock; a consumer may move it, or a child of it,
// elsewhere. Threads: as for what is passed. Out of memory: kResourceExhausted.
//
// Source: https://arrow.apache.org/docs/format/CDataInterface.html and CDeviceDataInterface.html.
#pragma once

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/interop/arrow_c_abi.h"
#include "alkaid/interop/arrow_data.h"

namespace alkaid::interop {

// `out` is overwritten where it succeeds. Errors as of Validate; for a field also kInvalidArgument
// where its name has a zero byte.
ALKAID_EXPORT Status ExportField(const Field& field, ArrowSchema* out);
// Also kInvalidArgument for memory that the CPU cannot read. Waits for what is pending.
ALKAID_EXPORT Status ExportArray(const Field& field, const ArrayData& array, ArrowArray* out);
// Also kInvalidArgument for buffers on several devices. The consumer waits for `sync_event` before
// it reads.
ALKAID_EXPORT Status ExportDeviceArray(const Field& field, const ArrayData& array,
                                       ArrowDeviceArray* out);

}  // namespace alkaid::interop
