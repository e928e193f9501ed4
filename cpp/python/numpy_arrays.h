// numpy's arrays over bytes of a Buffer, made by the functions that numpy's own C API calls, found
// at run time: their places in its table are the same in numpy 1 and 2, and neither is needed to
// build this module, or to import it.
//
// Source: numpy/core/code_generators/numpy_api.py of numpy 1.24, numpy/_core/... of 2.x.
//
// Threads: with the GIL held.
#pragma once

#include <cstdint>

#include "alkaid/dgram/names.h"
#include "stable_python.h"

namespace alkaid::python {

// An array of `rank` dimensions over `data`, read-only, in C order; aligned or not as it happens to
// lie. `base` (borrowed) keeps the bytes. Imports numpy at the first call. Null after an error.
PyObject* MakeArray(const uint8_t* data, dgram::DataType type, int rank, const Py_ssize_t* shape,
                    PyObject* base);

}  // namespace alkaid::python
