// Lists every field of a Dgram, for Dgram.fields().
#pragma once

#include "stable_python.h"

namespace alkaid::python {

// A list of (detector, segment, algorithm, name, type, shape, bytes). A method of Dgram.
PyObject* FieldsOf(PyObject* dgram, PyObject* unused);

}  // namespace alkaid::python
