// alkaid.label: labels what the thread allocates inside a `with`.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

bool MakeLabelType(PyObject* module);

}  // namespace alkaid::python
