// Arrow's structures in capsules of its Python interface, and Buffers as arrays in them.
//
// A capsule that nobody consumes releases its structure.
//
// Source: https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html.
#pragma once

#include "alkaid/interop/arrow_c_abi.h"
#include "alkaid/interop/arrow_data.h"
#include "stable_python.h"

namespace alkaid::python {

// Null after an error. Include an Entry.
PyObject* MakeSchemaCapsule(const interop::Field& field);
PyObject* MakeArrayCapsule(const interop::Field& field, const interop::ArrayData& array);
// The pair that `__arrow_c_array__` returns.
PyObject* MakeArrayCapsules(const interop::Field& field, const interop::ArrayData& array);
// Takes over the stream.
PyObject* MakeStreamCapsule(ArrowArrayStream* stream);

// Buffer.__arrow_c_array__.
PyObject* ExportBufferToArrow(PyObject* self, PyObject* arguments, PyObject* keywords);

}  // namespace alkaid::python
