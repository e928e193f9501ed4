// Calls from C++ of module parts that are written in Python.
//
// Threads: with the GIL held.
#pragma once

#include "stable_python.h"

namespace alkaid::python {

// `name` of the module alkaid.<module>, which is imported if necessary. Null after an error.
Ref PythonPart(const char* module, const char* name);

// A getter of PyGetSetDef whose closure is "module.function": alkaid.<module>.<function>(self).
PyObject* GetFromPython(PyObject* self, void* closure);

}  // namespace alkaid::python
