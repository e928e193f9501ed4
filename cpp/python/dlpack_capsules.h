// Export and import of Buffers by DLPack, in the capsules of Python's array API.
//
// Source: https://data-apis.org/array-api/latest/ and https://dmlc.github.io/dlpack/latest/.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

// Buffer.__dlpack__ and Buffer.__dlpack_device__.
PyObject* ExportBufferByDLPack(PyObject* self, PyObject* const* values, Py_ssize_t positional,
                               PyObject* names);
PyObject* BufferDLPackDevice(PyObject* self, PyObject* unused);

bool AddDLPackFunctions(PyObject* module);

}  // namespace alkaid::python
