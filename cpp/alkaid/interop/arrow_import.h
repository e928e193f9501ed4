// Arrow's C data and device interfaces, import: columns of pyarrow, polars, duckdb and others
// without a copy. For export see arrow_export.h.
//
// Ownership: an import moves the structure, whose original then counts as released. The producer's
// `release` is called when the last of its buffers is destroyed, on that thread. If an import
// fails, the structure remains the caller's. Threads: any; each structure by one thread. Out of
// memory: kResourceExhausted.
//
// Source: https://arrow.apache.org/docs/format/CDataInterface.html and CDeviceDataInterface.html.
#pragma once

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/interop/arrow_c_abi.h"
#include "alkaid/interop/arrow_data.h"

namespace alkaid::interop {

// Errors: kInvalidArgument for a structure that is null or released; kUnimplemented for unsupported
// types, dictionaries among them; errors of Validate. The buffers are read-only.
ALKAID_EXPORT Result<Field> ImportField(ArrowSchema* schema);
ALKAID_EXPORT Result<ArrayData> ImportArray(ArrowArray* array, const Field& field);
// Waits for pending work. kNotFound, naming the device, if no device mapper is registered for it.
ALKAID_EXPORT Result<ArrayData> ImportDeviceArray(ArrowDeviceArray* array, const Field& field);

}  // namespace alkaid::interop
