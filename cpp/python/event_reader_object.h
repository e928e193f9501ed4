// alkaid._EventReader: the events of several streams, for alkaid/_events.py.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

bool MakeEventReaderType(PyObject* module);

}  // namespace alkaid::python
