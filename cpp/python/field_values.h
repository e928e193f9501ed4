// Converts one field to a Python value: a number, text, or an array.
#pragma once

#include "alkaid/dgram/shapes_data.h"
#include "stable_python.h"

namespace alkaid::python {

// The value of field `index` of `data`. A number is an int or a float; an enumeration an
// alkaid.Enumeration. Text (CHARSTR) is a str, up to its first NUL; bytes that are not UTF-8 become
// surrogate escapes. An array is a numpy array, without a copy. `origin` (borrowed) is the origin
// of the field's datagram. Null after an error.
PyObject* ValueOf(const dgram::ShapesData& data, int index, PyObject* origin);

}  // namespace alkaid::python
