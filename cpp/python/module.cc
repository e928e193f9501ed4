// alkaid._alkaid: the types that must be fast, and the functions that need C++. The rest of the
// module is in Python (alkaid/).
#include "alkaid/base/version.h"
#include "buffer_functions.h"
#include "buffer_object.h"
#include "builder_objects.h"
#include "column_object.h"
#include "configuration_object.h"
#include "dgram_object.h"
#include "dlpack_capsules.h"
#include "editor_object.h"
#include "errors.h"
#include "event_reader_object.h"
#include "label_object.h"
#include "one_library.h"
#include "owners.h"
#include "pool_object.h"
#include "reader_object.h"
#include "report_functions.h"
#include "stable_python.h"

namespace alkaid::python {
namespace {

PyObject* SetErrors(PyObject* /*self*/, PyObject* classes) {
  return SetErrorClasses(classes) ? Py_NewRef(Py_None) : nullptr;
}

PyObject* RequireMain(PyObject* /*self*/, PyObject* /*unused*/) {
  return RequireMainInterpreter() ? Py_NewRef(Py_None) : nullptr;
}

PyMethodDef functions[] = {
    {"_require_main_interpreter", &RequireMain, METH_NOARGS, nullptr},
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

// The parts of the module.
constexpr bool (*kParts[])(PyObject* module) = {
    &AddBufferFunctions, &AddDLPackFunctions,  &AddReportFunctions,    &MakeBufferType,
    &MakeBuilderTypes,   &MakeColumnTypes,     &MakeConfigurationType, &MakeDgramTypes,
    &MakeEditorTypes,    &MakeEventReaderType, &MakeLabelType,         &MakePoolType,
    &MakeReaderTypes,
};

}  // namespace

PyObject* MakeModule() {
  Ref module(PyModule_Create(&definition));
  if (!module || !CheckOneLibrary() || !RequireMainInterpreter() || !StartOwners()) return nullptr;
  for (const auto part : kParts) {
    if (!part(module.get())) return nullptr;
  }
  if (PyModule_AddStringConstant(module.get(), "__version__", Version()) != 0) return nullptr;
  return module.release();
}

}  // namespace alkaid::python

PyMODINIT_FUNC PyInit__alkaid() { return alkaid::python::MakeModule(); }
