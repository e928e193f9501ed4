// One field as a value of Python's: numbers, text, arrays.
#pragma once

#include "alkaid/dgram/field_view.h"
#include "stable_python.h"

namespace alkaid::python {

// A scalar as int or float; text (CHARSTR) as str, up to its first NUL, bytes that are no UTF-8 as
// surrogate escapes; an array as numpy's, without a copy. `origin` (borrowed) is that of the
// field's datagram. Null after an error.
PyObject* ValueOf(const dgram::FieldView& field, PyObject* origin);

}  // namespace alkaid::python
