#include "editor_object.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/dgram/dgram_edit.h"
#include "configuration_object.h"
#include "dgram_object.h"
#include "errors.h"
#include "field_arguments.h"
#include "owners.h"
#include "typed_object.h"

namespace alkaid::python {
namespace {

using dgram::DgramEdit;
using dgram::Names;

struct EditorState {
  DgramEdit edit;
};
using EditorObject = Object<EditorState>;
using NamesObject = Object<Names>;

DgramEdit& EditOf(PyObject* self) { return EditorObject::Of(self).edit; }

PyObject* Done(const Status& status) {
  if (!status.ok()) return Raise(status);
  Py_RETURN_NONE;
}

bool AsTimestamp(PyObject* number, dgram::Timestamp* out) {
  const unsigned long long value = PyLong_AsUnsignedLongLong(number);
  if (PyErr_Occurred() != nullptr) return false;
  *out = dgram::Timestamp(value);
  return true;
}
bool AsService(PyObject* number, dgram::TransitionId* out) {
  const long value = PyLong_AsLong(number);
  if (PyErr_Occurred() != nullptr) return false;
  if (value < 0 || value > 255) {
    PyErr_Format(PyExc_ValueError, "service %ld, the greatest is 15", value);
    return false;
  }
  *out = static_cast<dgram::TransitionId>(value);
  return true;
}
bool AsDamage(PyObject* number, dgram::Damage* out) {
  const long value = PyLong_AsLong(number);
  if (PyErr_Occurred() != nullptr) return false;
  if (value < 0 || value > 0xffff) {
    PyErr_Format(PyExc_ValueError, "damage %ld, the greatest is 65535", value);
    return false;
  }
  *out = dgram::Damage(static_cast<uint16_t>(value));
  return true;
}

// _Editor(dgram, service, timestamp, configuration, room)
PyObject* New(PyTypeObject* /*type*/, PyObject* arguments, PyObject* /*keywords*/) try {
  const Entry entry;
  PyObject* dgram = nullptr;
  PyObject* service = nullptr;
  PyObject* timestamp = nullptr;
  PyObject* configuration = nullptr;
  long long room = 0;
  dgram::TransitionId as{};
  dgram::Timestamp at(0);
  if (PyArg_ParseTuple(arguments, "OOOOL", &dgram, &service, &timestamp, &configuration, &room) ==
          0 ||
      !AsService(service, &as) || !AsTimestamp(timestamp, &at)) {
    return nullptr;
  }
  dgram::DgramEditOptions options;
  options.room = room;
  std::shared_ptr<const dgram::Configuration> under;
  if (configuration != Py_None && !AsConfiguration(configuration, &under)) return nullptr;
  if (dgram == Py_None) {
    auto edit = DgramEdit::Make(as, at, std::move(under), options);
    return edit.ok() ? EditorObject::Make(*std::move(edit)) : Raise(edit.status());
  }
  if (!DgramObject::Is(dgram)) {
    return PyErr_Format(PyExc_TypeError, "a Dgram is edited, not %R", Py_TYPE(dgram));
  }
  options.configuration = std::move(under);
  auto edit = DgramEdit::Make(KeptDgram(dgram), options);
  return edit.ok() ? EditorObject::Make(*std::move(edit)) : Raise(edit.status());
} catch (...) {
  return RaiseCaught();
}

// add_detector(detector, dettype, detid, segment, algorithm, version, fields, node_id, names_id)
PyObject* AddDetector(PyObject* self, PyObject* arguments) try {
  const Entry entry;
  const char* detector = nullptr;
  const char* type = nullptr;
  const char* id = nullptr;
  const char* algorithm = nullptr;
  uint32_t segment = 0;
  uint32_t version = 0;
  PyObject* fields = nullptr;
  PyObject* node_id = nullptr;
  PyObject* names_id = nullptr;
  if (PyArg_ParseTuple(arguments, "sssO&sO&OOO", &detector, &type, &id, &AsUInt32, &segment,
                       &algorithm, &AsUInt32, &version, &fields, &node_id, &names_id) == 0) {
    return nullptr;
  }
  dgram::DetectorDefinition definition{detector, type, id, segment, {algorithm, version}};
  if (!AsFields(fields, &definition.fields) || !AsNumber(node_id, &definition.node_id) ||
      !AsNumber(names_id, &definition.names_id)) {
    return nullptr;
  }
  auto names = EditOf(self).AddDetector(definition);
  return names.ok() ? NamesObject::Make(*names) : Raise(names.status());
} catch (...) {
  return RaiseCaught();
}

// find(detector, segment, algorithm): a list of declarations.
PyObject* Find(PyObject* self, PyObject* arguments) try {
  const char* detector = nullptr;
  uint32_t segment = 0;
  const char* algorithm = nullptr;
  if (PyArg_ParseTuple(arguments, "sO&s", &detector, &AsUInt32, &segment, &algorithm) == 0) {
    return nullptr;
  }
  Ref list(PyList_New(0));
  const auto& configuration = EditOf(self).configuration();
  if (!list || configuration == nullptr) return list.release();
  for (const Names* names : configuration->Find(detector, segment, algorithm)) {
    const Ref one(NamesObject::Make(*names));
    if (!one || PyList_Append(list.get(), one.get()) != 0) return nullptr;
  }
  return list.release();
} catch (...) {
  return RaiseCaught();
}

// add_data(names, values, damage)
PyObject* AddData(PyObject* self, PyObject* arguments) try {
  const Entry entry;
  PyObject* names = nullptr;
  PyObject* values = nullptr;
  PyObject* number = nullptr;
  dgram::Damage damage;
  if (PyArg_ParseTuple(arguments, "OOO", &names, &values, &number) == 0 ||
      !AsDamage(number, &damage)) {
    return nullptr;
  }
  if (!NamesObject::Is(names)) {
    return PyErr_Format(PyExc_TypeError, "no declaration: %R", Py_TYPE(names));
  }
  FieldArguments given;
  if (!given.Take(NamesObject::Of(names), values)) return nullptr;
  return Done(EditOf(self).AddData(NamesObject::Of(names), given.values(), damage));
} catch (...) {
  return RaiseCaught();
}

// remove_data(detector, algorithm, segment or None)
PyObject* RemoveData(PyObject* self, PyObject* arguments) try {
  const char* detector = nullptr;
  const char* algorithm = nullptr;
  PyObject* segment = nullptr;
  if (PyArg_ParseTuple(arguments, "ssO", &detector, &algorithm, &segment) == 0) return nullptr;
  std::optional<uint32_t> number;
  if (!AsNumber(segment, &number)) return nullptr;
  return Done(EditOf(self).RemoveData(detector, algorithm, number));
} catch (...) {
  return RaiseCaught();
}

PyObject* UpdateTimestamp(PyObject* self, PyObject* argument) {
  dgram::Timestamp at(0);
  if (!AsTimestamp(argument, &at)) return nullptr;
  EditOf(self).UpdateTimestamp(at);
  Py_RETURN_NONE;
}
PyObject* UpdateService(PyObject* self, PyObject* argument) {
  dgram::TransitionId as{};
  if (!AsService(argument, &as)) return nullptr;
  return Done(EditOf(self).UpdateService(as));
}
PyObject* UpdateDamage(PyObject* self, PyObject* argument) {
  dgram::Damage damage;
  if (!AsDamage(argument, &damage)) return nullptr;
  EditOf(self).UpdateDamage(damage);
  Py_RETURN_NONE;
}

PyObject* Save(PyObject* self, PyObject* /*unused*/) try {
  const Entry entry;
  auto saved = EditOf(self).Save();
  return saved.ok() ? MakeDgram(*saved) : Raise(saved.status());
} catch (...) {
  return RaiseCaught();
}

// save_into(buffer, offset): returns the bytes written.
PyObject* SaveInto(PyObject* self, PyObject* arguments) try {
  const Entry entry;
  PyObject* out = nullptr;
  Py_ssize_t offset = 0;
  if (PyArg_ParseTuple(arguments, "On", &out, &offset) == 0) return nullptr;
  Py_buffer view;
  if (PyObject_GetBuffer(out, &view, PyBUF_WRITABLE) != 0) return nullptr;
  PyObject* answer = nullptr;
  if (offset < 0 || offset > view.len) {
    PyErr_Format(PyExc_IndexError, "offset %zd of a buffer of %zd bytes", offset, view.len);
  } else {
    const auto written = EditOf(self).Save(
        {static_cast<uint8_t*>(view.buf) + offset, static_cast<size_t>(view.len - offset)});
    answer = written.ok() ? PyLong_FromLongLong(*written) : Raise(written.status());
  }
  PyBuffer_Release(&view);
  return answer;
} catch (...) {
  return RaiseCaught();
}

PyObject* SavedSize(PyObject* self, void* /*unused*/) {
  return PyLong_FromLongLong(EditOf(self).saved_size());
}
PyObject* ConfigurationOf(PyObject* self, void* /*unused*/) {
  const auto& configuration = EditOf(self).configuration();
  if (configuration == nullptr) Py_RETURN_NONE;
  return ConfigurationObject::Make(configuration);
}

PyObject* NodeId(PyObject* self, void* /*unused*/) {
  return PyLong_FromUnsignedLong(NamesObject::Of(self).id().node_id());
}
PyObject* NamesIdOf(PyObject* self, void* /*unused*/) {
  return PyLong_FromUnsignedLong(NamesObject::Of(self).id().names_id());
}

PyMethodDef methods[] = {
    {"add_detector", &AddDetector, METH_VARARGS, nullptr},
    {"find", &Find, METH_VARARGS, nullptr},
    {"add_data", &AddData, METH_VARARGS, nullptr},
    {"remove_data", &RemoveData, METH_VARARGS, nullptr},
    {"update_timestamp", &UpdateTimestamp, METH_O, nullptr},
    {"update_service", &UpdateService, METH_O, nullptr},
    {"update_damage", &UpdateDamage, METH_O, nullptr},
    {"save", &Save, METH_NOARGS, nullptr},
    {"save_into", &SaveInto, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef properties[] = {
    {"saved_size", &SavedSize, nullptr, nullptr, nullptr},
    {"configuration", &ConfigurationOf, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};
PyGetSetDef names_properties[] = {
    {"node_id", &NodeId, nullptr, nullptr, nullptr},
    {"names_id", &NamesIdOf, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

bool MakeEditorTypes(PyObject* module) {
  PyType_Slot editor[] = {
      {Py_tp_new, Slot(&New)},
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {0, nullptr},
  };
  PyType_Slot names[] = {
      {Py_tp_getset, names_properties},
      {0, nullptr},
  };
  return EditorObject::MakeType(module, "alkaid._Editor", editor) &&
         NamesObject::MakeType(module, "alkaid._Names", names);
}

}  // namespace alkaid::python
