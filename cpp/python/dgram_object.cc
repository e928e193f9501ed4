#include "dgram_object.h"

#include "buffer_object.h"
#include "errors.h"
#include "field_views.h"
#include "owners.h"

namespace alkaid::python {
namespace {

PyObject* TimestampOf(PyObject* self, PyObject* /*unused*/) {
  return PyLong_FromUnsignedLongLong(DgramObject::Of(self).dgram.timestamp().value());
}
PyObject* ServiceOf(PyObject* self, PyObject* /*unused*/) {
  return PyLong_FromLong(static_cast<long>(DgramObject::Of(self).dgram.service()));
}
PyObject* SizeOf(PyObject* self, void* /*unused*/) {
  return PyLong_FromLongLong(DgramObject::Of(self).dgram.size());
}
PyObject* OffsetOf(PyObject* self, void* /*unused*/) {
  return PyLong_FromLongLong(DgramObject::Of(self).dgram.offset());
}

// Detectors first, as where psana keeps them: in the object itself.
PyObject* GetAttribute(PyObject* self, PyObject* name) {
  PyObject* const detector = FindDetector(self, name);
  if (detector != nullptr || PyErr_Occurred() != nullptr) return detector;
  return PyObject_GenericGetAttr(self, name);
}

PyObject* New(PyTypeObject* /*type*/, PyObject* arguments, PyObject* keywords) try {
  const Entry entry;
  PyObject* view = nullptr;
  PyObject* config = nullptr;
  Py_ssize_t offset = 0;
  static const char* const kNames[] = {"view", "config", "offset", nullptr};
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "O|On", const_cast<char**>(kNames), &view,
                                  &config, &offset) == 0) {
    return nullptr;
  }
  std::shared_ptr<const dgram::Configuration> configuration;
  if (config != nullptr && config != Py_None) {
    if (!DgramObject::Is(config)) {
      return PyErr_Format(PyExc_TypeError, "config is a Dgram, not %R", Py_TYPE(config));
    }
    configuration = DgramObject::Of(config).dgram.configuration();
  }
  std::shared_ptr<Buffer> buffer = BufferOf(view);
  if (buffer == nullptr) return nullptr;
  auto made = dgram::Dgram::Make(std::move(buffer), offset, std::move(configuration));
  if (!made.ok()) return Raise(made.status());
  return MakeDgram(*made);
} catch (...) {
  return RaiseCaught();
}

PyMethodDef methods[] = {
    {"timestamp", &TimestampOf, METH_NOARGS,
     "timestamp() -> int\n\nSeconds in the upper 32 bits, nanoseconds in the lower."},
    {"service", &ServiceOf, METH_NOARGS, "service() -> int\n\nThe TransitionId: 12 is L1Accept."},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef properties[] = {
    {"_size", &SizeOf, nullptr, "Bytes of header and payload.", nullptr},
    {"_offset", &OffsetOf, nullptr, "The byte of its source where it starts.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

PyObject* MakeDgram(const dgram::Dgram& dgram) {
  const Ref origin(OriginObject::Make(dgram.origin()));
  return origin ? MakeDgram(dgram, origin.get()) : nullptr;
}

PyObject* BaseOf(PyObject* origin) {
  OriginState& state = OriginObject::Of(origin);
  if (!state.buffer) state.buffer = Ref(BufferObject::Make(state.origin->buffer));
  return state.buffer.get();
}

bool MakeDgramTypes(PyObject* module) {
  PyType_Slot origin[] = {{0, nullptr}};
  PyType_Slot slots[] = {
      {Py_tp_doc,
       const_cast<char*>("Dgram(view, config=None, offset=0)\n\nA view of one datagram.")},
      {Py_tp_new, Slot(&New)},
      {Py_tp_getattro, Slot(&GetAttribute)},
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {0, nullptr},
  };
  return OriginObject::MakeType(module, "alkaid._Origin", origin) &&
         DgramObject::MakeType(module, "alkaid.Dgram", slots) && MakeFieldViewTypes(module);
}

}  // namespace alkaid::python
