#include "configuration_object.h"

#include "dgram_object.h"
#include "errors.h"
#include "owners.h"
#include "python_parts.h"

namespace alkaid::python {
namespace {

using dgram::Field;
using dgram::Names;

Py_ssize_t Length(PyObject* self) {
  return static_cast<Py_ssize_t>(ConfigurationObject::Of(self)->names().size());
}

Py_hash_t Hash(PyObject* self) {
  const auto hash =
      static_cast<Py_hash_t>(reinterpret_cast<uintptr_t>(ConfigurationObject::Of(self).get()) >> 4);
  return hash == -1 ? -2 : hash;
}

PyObject* Compare(PyObject* self, PyObject* other, int operation) {
  if (!ConfigurationObject::Is(other) || (operation != Py_EQ && operation != Py_NE)) {
    Py_RETURN_NOTIMPLEMENTED;
  }
  const bool same = ConfigurationObject::Of(self) == ConfigurationObject::Of(other);
  return PyBool_FromLong(same == (operation == Py_EQ) ? 1 : 0);
}

PyObject* Text(const std::string& text) {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogateescape");
}

PyObject* Version(uint32_t version) {
  return Py_BuildValue("(III)", version >> 16 & 0xff, version >> 8 & 0xff, version & 0xff);
}

PyObject* FieldTuple(const Field& field) {
  return Py_BuildValue("(NsiNN)", Text(field.name), dgram::DataTypeName(field.type), field.rank,
                       Text(field.algorithm.name), Version(field.algorithm.version));
}

PyObject* NamesTuple(const Names& names) {
  Ref fields(PyTuple_New(static_cast<Py_ssize_t>(names.fields().size())));
  if (!fields) return nullptr;
  for (size_t i = 0; i < names.fields().size(); ++i) {
    PyObject* const field = FieldTuple(names.fields()[i]);
    if (field == nullptr || PyTuple_SetItem(fields.get(), static_cast<Py_ssize_t>(i), field) != 0) {
      return nullptr;
    }
  }
  return Py_BuildValue("(NINNNNNII)", Text(names.detector()), names.segment(),
                       Text(names.algorithm().name), Version(names.algorithm().version),
                       Text(names.detector_type()), Text(names.detector_id()), fields.release(),
                       names.id().node_id(), names.id().names_id());
}

// The declarations as plain tuples, from which alkaid/_configuration.py makes its objects.
PyObject* Raw(PyObject* self, PyObject* /*unused*/) try {
  const auto& all = ConfigurationObject::Of(self)->names();
  Ref list(PyList_New(0));
  for (const Names& names : all) {
    const Ref one(list ? NamesTuple(names) : nullptr);
    if (!one || PyList_Append(list.get(), one.get()) != 0) return nullptr;
  }
  return list.release();
} catch (...) {
  return RaiseCaught();
}

PyMethodDef methods[] = {
    {"_raw", &Raw, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

template <size_t n>
constexpr void* Part(const char (&path)[n]) {
  return const_cast<char*>(path);
}

PyGetSetDef properties[] = {
    {"declarations", &GetFromPython, nullptr,
     "All Declarations, in order: detector, segment, algorithm, and their fields.",
     Part("_configuration.declarations")},
    {"detectors", &GetFromPython, nullptr,
     "The fields by name: detectors[detector][segment][algorithm][field] is a Field with its\n"
     "type and rank.",
     Part("_configuration.detectors")},
    {"software", &GetFromPython, nullptr, "As Dgram.software.", Part("_configuration.software")},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

bool AsConfiguration(PyObject* object, std::shared_ptr<const dgram::Configuration>* out) {
  if (ConfigurationObject::Is(object)) {
    *out = ConfigurationObject::Of(object);
  } else if (DgramObject::Is(object)) {
    *out = DgramObject::Of(object).dgram.configuration();
  } else {
    PyErr_Format(PyExc_TypeError, "config is a Dgram or a Configuration, not %R", Py_TYPE(object));
    return false;
  }
  return true;
}

bool MakeConfigurationType(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_doc,
       const_cast<char*>("What a Configure declares: the fields of a stream.\n\n"
                         "Shared by all datagrams that were read under it, and equal only to\n"
                         "itself. Its length is the number of its declarations. Immutable.")},
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {Py_tp_hash, Slot(&Hash)},
      {Py_tp_richcompare, Slot(&Compare)},
      {Py_sq_length, Slot(&Length)},
      {0, nullptr},
  };
  return ConfigurationObject::MakeType(module, "alkaid.Configuration", slots);
}

}  // namespace alkaid::python
