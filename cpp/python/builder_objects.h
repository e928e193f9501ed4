// alkaid.BufferBuilder: bytes that grow, and become a Buffer. Builders of values are in Python
// (alkaid/_builders.py).
#pragma once

#include "stable_python.h"

namespace alkaid::python {

bool MakeBuilderTypes(PyObject* module);

}  // namespace alkaid::python
