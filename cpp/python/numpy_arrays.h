// numpy's arrays over bytes of a Buffer, made by the functions of numpy_table.h.
//
// Threads: with the GIL held.
#pragma once

#include <cstdint>

#include "alkaid/dgram/names.h"
#include "stable_python.h"

namespace alkaid::python {

// An array of `rank` dimensions over `data`, read-only, in C order; it may be misaligned. `base`
// (borrowed) keeps the bytes alive. Imports numpy at the first call. Null after an error.
PyObject* MakeArray(const uint8_t* data, dgram::DataType type, int rank, const Py_ssize_t* shape,
                    PyObject* base);

}  // namespace alkaid::python
