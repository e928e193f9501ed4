// Buffers as Arrow's arrays, in the capsules of Arrow's interface for Python.
//
// Source: https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

// Buffer.__arrow_c_array__.
PyObject* ExportBufferToArrow(PyObject* self, PyObject* arguments, PyObject* keywords);

}  // namespace alkaid::python
