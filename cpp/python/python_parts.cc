#include "python_parts.h"

#include <cstring>
#include <string>

#include "errors.h"

namespace alkaid::python {

Ref PythonPart(const char* module, const char* name) {
  const Ref path(PyUnicode_FromFormat("alkaid.%s", module));
  const Ref imported(path ? PyImport_Import(path.get()) : nullptr);
  return Ref(imported ? PyObject_GetAttrString(imported.get(), name) : nullptr);
}

PyObject* GetFromPython(PyObject* self, void* closure) try {
  const auto* const path = static_cast<const char*>(closure);
  const char* const dot = std::strchr(path, '.');
  const Ref function = PythonPart(std::string(path, dot).c_str(), dot + 1);
  return function ? PyObject_CallFunctionObjArgs(function.get(), self, nullptr) : nullptr;
} catch (...) {
  return RaiseCaught();
}

}  // namespace alkaid::python
