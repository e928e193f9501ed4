// Arrow's C data and device interfaces, the way in: columns of pyarrow, polars, duckdb and others
// without a copy. arrow_export.h is the way out.
//
// Ownership: an import moves the structure, which is released from then on; the producer's `release`
// is called when the last buffer of it goes, on the thread that lets it go. Where an import fails,
// the structure is the caller's as before. Threads: any; one structure by one thread. Out of
// memory: kResourceExhausted.
//
// Source: https://arrow.apache.org/docs/format/CDataInterface.html and CDeviceDataInterface.html.
#pragma once

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/interop/arrow_c_abi.h"
#include "alkaid/interop/arrow_data.h"

namespace alkaid::interop {

// Errors: kInvalidArgument for a structure that is null or released; kUnimplemented for types that
// are not supported, dictionaries among them; errors of Validate. The buffers are read-only.
ALKAID_EXPORT Result<Field> ImportField(ArrowSchema* schema);
ALKAID_EXPORT Result<ArrayData> ImportArray(ArrowArray* array, const Field& field);
// Waits for what is pending. kNotFound, naming the device, where no device mapper is registered.
ALKAID_EXPORT Result<ArrayData> ImportDeviceArray(ArrowDeviceArray* array, const Field& field);

}  // namespace alkaid::interop
