// alkaid.BatchReader: the datagrams of a file, a stream or a Buffer, in batches.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

bool MakeReaderTypes(PyObject* module);

}  // namespace alkaid::python
