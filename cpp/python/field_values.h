// One field as a value of Python's: numbers, text, arrays.
#pragma once

#include "alkaid/dgram/shapes_data.h"
#include "stable_python.h"

namespace alkaid::python {

// Field `index` of `data`. A number is an int or a float; an enumeration an alkaid.Enumeration;
// text (CHARSTR) a str, up to its first NUL, bytes that are no UTF-8 as surrogate escapes; an array
// numpy's, without a copy. `origin` (borrowed) is that of the field's datagram. Null after an error.
PyObject* ValueOf(const dgram::ShapesData& data, int index, PyObject* origin);

}  // namespace alkaid::python
