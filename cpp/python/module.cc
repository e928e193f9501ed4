// alkaid._alkaid: the types that have to be fast, and what only C++ can do. The rest of the module
// is Python (alkaid/).
#include "alkaid/base/version.h"
#include "buffer_object.h"
#include "configuration_object.h"
#include "dgram_object.h"
#include "errors.h"
#include "one_library.h"
#include "owners.h"
#include "reader_object.h"
#include "stable_python.h"

namespace alkaid::python {
namespace {

PyObject* SetErrors(PyObject* /*self*/, PyObject* classes) {
  return SetErrorClasses(classes) ? Py_NewRef(Py_None) : nullptr;
}

PyMethodDef functions[] = {
    {"_set_error_classes", &SetErrors, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                          "alkaid._alkaid",
                          nullptr,
                          -1,
                          functions,
                          nullptr,
                          nullptr,
                          nullptr,
                          nullptr};

}  // namespace

PyObject* MakeModule() {
  Ref module(PyModule_Create(&definition));
  if (!CheckOneLibrary() || !module || !StartOwners() || !MakeBufferType(module.get()) ||
      !MakeConfigurationType(module.get()) || !MakeDgramTypes(module.get()) ||
      !MakeReaderTypes(module.get()) ||
      PyModule_AddStringConstant(module.get(), "__version__", Version()) != 0) {
    return nullptr;
  }
  return module.release();
}

}  // namespace alkaid::python

PyMODINIT_FUNC PyInit__alkaid() { return alkaid::python::MakeModule(); }
