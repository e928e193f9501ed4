#include "buffer_object.h"

#include "alkaid/core/buffers/foreign_buffer.h"
#include "errors.h"
#include "owners.h"

namespace alkaid::python {
namespace {

int GetBuffer(PyObject* self, Py_buffer* view, int flags) {
  Buffer& buffer = *BufferObject::Of(self);
  if (!buffer.is_cpu()) {
    PyErr_SetString(PyExc_BufferError, "the CPU cannot read the memory of this Buffer");
    view->obj = nullptr;
    return -1;
  }
  return PyBuffer_FillInfo(view, self, const_cast<uint8_t*>(buffer.data()), buffer.size(),
                           buffer.is_mutable() ? 0 : 1, flags);
}

Py_ssize_t Length(PyObject* self) { return BufferObject::Of(self)->size(); }

PyObject* Size(PyObject* self, void* /*unused*/) { return PyLong_FromSsize_t(Length(self)); }
PyObject* Address(PyObject* self, void* /*unused*/) {
  return PyLong_FromUnsignedLongLong(BufferObject::Of(self)->address());
}
PyObject* IsMutable(PyObject* self, void* /*unused*/) {
  return PyBool_FromLong(BufferObject::Of(self)->is_mutable() ? 1 : 0);
}

PyGetSetDef properties[] = {
    {"size", &Size, nullptr, "Bytes in use.", nullptr},
    {"address", &Address, nullptr, "Where the first byte lies.", nullptr},
    {"is_mutable", &IsMutable, nullptr, "Whether the bytes may be written.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

bool MakeBufferType(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("Contiguous bytes, and what keeps them alive.")},
      {Py_tp_getset, properties},
      {Py_bf_getbuffer, Slot(&GetBuffer)},
      {Py_sq_length, Slot(&Length)},
      {0, nullptr},
  };
  return BufferObject::MakeType(module, "alkaid.Buffer", slots);
}

std::shared_ptr<Buffer> BufferOf(PyObject* object) {
  if (BufferObject::Is(object)) return BufferObject::Of(object);
  Py_buffer view;
  std::shared_ptr<void> owner = KeepExport(object, PyBUF_WRITABLE, &view);
  const bool writable = owner != nullptr;
  if (owner == nullptr) {
    if (PyErr_ExceptionMatches(PyExc_BufferError) == 0) return nullptr;
    PyErr_Clear();
    owner = KeepExport(object, PyBUF_SIMPLE, &view);
    if (owner == nullptr) return nullptr;
  }
  // Of no bytes an object may export a null pointer.
  auto buffer = writable ? ForeignBuffer::MakeMutable(view.buf, view.len, std::move(owner))
                         : ForeignBuffer::Make(view.buf, view.len, std::move(owner));
  if (!buffer.ok()) {
    Raise(buffer.status());
    return nullptr;
  }
  return *std::move(buffer);
}

}  // namespace alkaid::python
