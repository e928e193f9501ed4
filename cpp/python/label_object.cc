#include "label_object.h"

#include <optional>
#include <string_view>

#include "alkaid/core/observers/label.h"
#include "errors.h"
#include "typed_object.h"

namespace alkaid::python {
namespace {

// A label between __enter__ and __exit__. If the object is never exited the label stays for good:
// only its own thread could end it.
struct Entered {
  Label label;
  Entered* outer;
};

// The labels that this thread has entered. The innermost applies. They may be left in any order, as
// generators do.
class EnteredLabels {
 public:
  Entered* Enter(Label label) {
    innermost_ = new Entered{label, innermost_};
    Apply();
    return innermost_;
  }
  // Returns false if it was not entered on this thread.
  bool Leave(const Entered* entered) {
    for (Entered** at = &innermost_; *at != nullptr; at = &(*at)->outer) {
      if (*at != entered) continue;
      *at = entered->outer;
      delete entered;
      Apply();
      return true;
    }
    return false;
  }

 private:
  void Apply() {
    scope_.reset();
    if (innermost_ != nullptr) scope_.emplace(innermost_->label);
  }

  Entered* innermost_ = nullptr;
  std::optional<ScopedLabel> scope_;
};
thread_local EnteredLabels entered_labels;

struct LabelState {
  Label label;
  const Entered* entered = nullptr;
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
  if (state.entered != nullptr) {
    return PyErr_Format(PyExc_RuntimeError, "label '%s' is already entered: make another",
                        state.label.name());
  }
  state.entered = entered_labels.Enter(state.label);
  return Py_NewRef(self);
} catch (...) {
  return RaiseCaught();
}

PyObject* Exit(PyObject* self, PyObject* /*unused*/) {
  LabelState& state = LabelObject::Of(self);
  if (state.entered == nullptr || !entered_labels.Leave(state.entered)) {
    return PyErr_Format(PyExc_RuntimeError, "label '%s' was not entered by this thread",
                        state.label.name());
  }
  state.entered = nullptr;
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
    {"name", &Name, nullptr, "As reports show it: at most 255 bytes.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};
PyMethodDef functions[] = {
    {"current_label", &CurrentName, METH_NOARGS,
     "current_label() -> str\n\nThe label of what this thread allocates now; '' if none is set."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool MakeLabelType(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_doc,
       const_cast<char*>("label(name)\n\nA label, in every report, for what this thread allocates "
                         "inside a `with`. The innermost counts,\nand overrides that of a labelled "
                         "pool. A label belongs to the thread, not to a task: a `with`\nthat is "
                         "left by another thread, or entered twice, is a RuntimeError.")},
      {Py_tp_new, Slot(&New)},
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {0, nullptr},
  };
  return LabelObject::MakeType(module, "alkaid.label", slots) &&
         PyModule_AddFunctions(module, functions) == 0;
}

}  // namespace alkaid::python
