#include "configuration_object.h"

#include "owners.h"

namespace alkaid::python {
namespace {

Py_ssize_t Length(PyObject* self) {
  return static_cast<Py_ssize_t>(ConfigurationObject::Of(self)->names().size());
}

}  // namespace

bool MakeConfigurationType(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("What the fields of a stream look like.")},
      {Py_sq_length, Slot(&Length)},
      {0, nullptr},
  };
  return ConfigurationObject::MakeType(module, "alkaid.Configuration", slots);
}

}  // namespace alkaid::python
