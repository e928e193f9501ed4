// Arrow's C data and device interfaces: columns to and from pyarrow, polars, duckdb and
// others without a copy.
//
// Ownership: an exported structure holds the buffers, each child its own, until its `release` is
// called, once, on any thread and without any lock; a consumer may move it, or a child of it,
// elsewhere. Import moves: the structure is released from then on, and the producer's `release` is
// called when the last buffer of it goes. Where an import fails, the structure is the caller's as
// before. Threads: as for what is passed. Out of memory: kResourceExhausted.
//
// Source: https://arrow.apache.org/docs/format/CDataInterface.html and CDeviceDataInterface.html.
#pragma once

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/interop/arrow_c_abi.h"
#include "alkaid/interop/arrow_data.h"

namespace alkaid::interop {

// `out` is overwritten. Errors as of Validate; ExportArray also kInvalidArgument for memory that
// the CPU cannot read, ExportDeviceArray for buffers on several devices.
ALKAID_EXPORT Status ExportField(const Field& field, ArrowSchema* out);
ALKAID_EXPORT Status ExportArray(const Field& field, const ArrayData& array, ArrowArray* out);
// The consumer waits for `sync_event` before it reads.
ALKAID_EXPORT Status ExportDeviceArray(const Field& field, const ArrayData& array,
                                       ArrowDeviceArray* out);

// Errors: kInvalidArgument for a structure that is null or released; kUnimplemented for types that
// are not supported, dictionaries among them; errors of Validate. The buffers are read-only.
ALKAID_EXPORT Result<Field> ImportField(ArrowSchema* schema);
ALKAID_EXPORT Result<ArrayData> ImportArray(ArrowArray* array, const Field& field);
// Waits for what is pending. kNotFound, naming the device, where no device mapper is registered.
ALKAID_EXPORT Result<ArrayData> ImportDeviceArray(ArrowDeviceArray* array, const Field& field);

}  // namespace alkaid::interop
