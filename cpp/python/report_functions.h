// Tracking, heap snapshots, their differences and retention, for alkaid/_reports.py.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

// Adds _start_tracking and so on, and the type alkaid._HeapSnapshot.
bool AddReportFunctions(PyObject* module);

}  // namespace alkaid::python
