// alkaid._Editor: a datagram being edited, for alkaid/dgramedit.py, which checks the users'
// arguments.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

bool MakeEditorTypes(PyObject* module);

}  // namespace alkaid::python
