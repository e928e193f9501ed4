// alkaid.Column and alkaid.TableStream: fields of batches in Arrow's layout (alkaid/columns.h).
//
// Threads: with the GIL held.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

bool MakeColumnTypes(PyObject* module);

}  // namespace alkaid::python
