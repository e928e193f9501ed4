// Arrow's C data and device interfaces, export: columns for pyarrow, polars, duckdb and others
// without a copy. For import see arrow_import.h.
//
// Ownership: an exported structure holds the buffers, each child its own, until its `release` is
// called: once, on any thread, without any lock. A consumer may move it, or one of its children,
// elsewhere. Threads: as the arguments. Out of memory: kResourceExhausted.
//
// Source: https://arrow.apache.org/docs/format/CDataInterface.html and CDeviceDataInterface.html.
#pragma once

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/interop/arrow_c_abi.h"
#include "alkaid/interop/arrow_data.h"

namespace alkaid::interop {

// Overwrites `out` on success. Errors: as Validate; for a field also kInvalidArgument if its name
// contains a zero byte.
ALKAID_EXPORT Status ExportField(const Field& field, ArrowSchema* out);
// Also kInvalidArgument for memory that the CPU cannot read. Waits for pending work.
ALKAID_EXPORT Status ExportArray(const Field& field, const ArrayData& array, ArrowArray* out);
// Also kInvalidArgument for buffers on several devices. The consumer must wait for `sync_event`
// before it reads.
ALKAID_EXPORT Status ExportDeviceArray(const Field& field, const ArrayData& array,
                                       ArrowDeviceArray* out);

}  // namespace alkaid::interop
