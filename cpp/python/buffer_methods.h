// What alkaid.Buffer can do beyond showing its bytes.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

extern PyMethodDef buffer_methods[];

// Subscripts: a number gives a byte as int, a slice of step 1 a Buffer.
PyObject* GetBufferItem(PyObject* self, Py_ssize_t index);
PyObject* GetBufferItems(PyObject* self, PyObject* key);

// == and != with whatever exports bytes.
PyObject* CompareBuffer(PyObject* self, PyObject* other, int operation);

}  // namespace alkaid::python
