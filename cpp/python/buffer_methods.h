// The methods of alkaid.Buffer besides exporting its bytes.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

extern PyMethodDef buffer_methods[];

// Subscripts: an index gives a byte as int, a slice of step 1 gives a Buffer.
PyObject* GetBufferItem(PyObject* self, Py_ssize_t index);
PyObject* GetBufferItems(PyObject* self, PyObject* key);

// == and != with any object that exports bytes.
PyObject* CompareBuffer(PyObject* self, PyObject* other, int operation);

}  // namespace alkaid::python
