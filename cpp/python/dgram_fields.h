// Every field of a Dgram, as Dgram.fields() lists them.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

// A list of (detector, segment, algorithm, name, type, shape, bytes). A method of Dgram.
PyObject* FieldsOf(PyObject* dgram, PyObject* unused);

}  // namespace alkaid::python
