// The function table of numpy's C API, found at run time. The indices are the same in numpy 1 and
// 2, and neither is needed to build or import the module.
//
// Source: numpy/core/code_generators/numpy_api.py of numpy 1.24, numpy/_core/... of 2.x.
//
// Threads: with the GIL held.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

// Imports numpy at the first call. Null after an error. Inline, so that each module of this package
// has its own copy.
inline void** NumpyTable() {
  static void** table = nullptr;
  if (table != nullptr) return table;
  Ref module(PyImport_ImportModule("numpy._core._multiarray_umath"));
  if (!module && PyErr_ExceptionMatches(PyExc_ModuleNotFoundError) != 0) {
    PyErr_Clear();
    module = Ref(PyImport_ImportModule("numpy.core._multiarray_umath"));
  }
  if (!module) return nullptr;
  const Ref capsule(PyObject_GetAttrString(module.get(), "_ARRAY_API"));
  if (!capsule) return nullptr;
  table = static_cast<void**>(PyCapsule_GetPointer(capsule.get(), nullptr));
  return table;
}

}  // namespace alkaid::python
