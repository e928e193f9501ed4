// The functions that make a Buffer: py_buffer, foreign_buffer, allocate_buffer.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

bool AddBufferFunctions(PyObject* module);

}  // namespace alkaid::python
