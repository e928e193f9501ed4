#include "label_object.h"

#include <string_view>
#include <utility>

#include "alkaid/core/observers/label.h"
#include "errors.h"
#include "typed_object.h"

namespace alkaid::python {
namespace {

struct LabelState {
  Label label;
  // Between __enter__ and __exit__, and the thread that entered. Of an object that is never left it
  // stays for good: only its thread could end it.
  ScopedLabel* scope = nullptr;
  PyThreadState* thread = nullptr;
};
using LabelObject = Object<LabelState>;

PyObject* New(PyTypeObject* /*type*/, PyObject* arguments, PyObject* keywords) {
  const char* name = nullptr;
  static const char* const kNames[] = {"name", nullptr};
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "s", const_cast<char**>(kNames), &name) ==
      0) {
    return nullptr;
  }
  return LabelObject::Make(Label::Intern(name));
}

PyObject* Enter(PyObject* self, PyObject* /*unused*/) try {
  LabelState& state = LabelObject::Of(self);
  if (state.scope != nullptr) {
    return PyErr_Format(PyExc_RuntimeError, "label '%s' is entered already: make another",
                        state.label.name());
  }
  state.scope = new ScopedLabel(state.label);
  state.thread = PyThreadState_Get();
  return Py_NewRef(self);
} catch (...) {
  return RaiseCaught();
}

PyObject* Exit(PyObject* self, PyObject* /*unused*/) {
  LabelState& state = LabelObject::Of(self);
  if (state.scope == nullptr || state.thread != PyThreadState_Get()) {
    return PyErr_Format(PyExc_RuntimeError, "label '%s' was not entered by this thread",
                        state.label.name());
  }
  delete std::exchange(state.scope, nullptr);
  Py_RETURN_NONE;
}

PyObject* NameOf(Label label) {
  const std::string_view name = label.name();
  return PyUnicode_DecodeUTF8(name.data(), static_cast<Py_ssize_t>(name.size()),
                              "backslashreplace");
}
PyObject* Name(PyObject* self, void* /*unused*/) { return NameOf(LabelObject::Of(self).label); }
PyObject* CurrentName(PyObject* /*self*/, PyObject* /*unused*/) { return NameOf(Label::Current()); }

PyMethodDef methods[] = {
    {"__enter__", &Enter, METH_NOARGS, nullptr},
    {"__exit__", &Exit, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef properties[] = {
    {"name", &Name, nullptr, "As it is in reports: at most 255 bytes.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};
PyMethodDef functions[] = {
    {"current_label", &CurrentName, METH_NOARGS,
     "current_label() -> str\n\nThe label of what this thread allocates now; '' where none is "
     "set."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool MakeLabelType(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_doc,
       const_cast<char*>(
           "label(name)\n\nA label of what this thread allocates inside a `with`, in every report. "
           "The innermost counts;\nit goes before that of a labelled pool. A label belongs to the "
           "thread, not to a task: a `with`\nthat is left by another thread, or entered twice, is "
           "a "
           "RuntimeError.")},
      {Py_tp_new, Slot(&New)},
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {0, nullptr},
  };
  return LabelObject::MakeType(module, "alkaid.label", slots) &&
         PyModule_AddFunctions(module, functions) == 0;
}

}  // namespace alkaid::python
