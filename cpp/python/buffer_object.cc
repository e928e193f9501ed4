#include "buffer_object.h"

#include <string_view>

#include "alkaid/core/buffers/foreign_buffer.h"
#include "buffer_methods.h"
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
PyObject* IsCpu(PyObject* self, void* /*unused*/) {
  return PyBool_FromLong(BufferObject::Of(self)->is_cpu() ? 1 : 0);
}
PyObject* Parent(PyObject* self, void* /*unused*/) {
  const std::shared_ptr<Buffer>& parent = BufferObject::Of(self)->parent();
  return parent != nullptr ? BufferObject::Make(parent) : Py_NewRef(Py_None);
}

PyObject* Describe(PyObject* self) {
  const Buffer& buffer = *BufferObject::Of(self);
  return PyUnicode_FromFormat("<alkaid.Buffer address=%p size=%zd is_cpu=%s is_mutable=%s>",
                              reinterpret_cast<void*>(buffer.address()), Length(self),
                              buffer.is_cpu() ? "True" : "False",
                              buffer.is_mutable() ? "True" : "False");
}

PyGetSetDef properties[] = {
    {"size", &Size, nullptr, "Bytes in use.", nullptr},
    {"address", &Address, nullptr, "The address of the first byte, on whichever device.", nullptr},
    {"is_mutable", &IsMutable, nullptr, "Whether the bytes may be written.", nullptr},
    {"is_cpu", &IsCpu, nullptr, "Whether the CPU can read the bytes.", nullptr},
    {"parent", &Parent, nullptr, "The Buffer that this one is a slice of, else None.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

// Whether a format of the buffer protocol contains references to objects: an O that is not part of
// a name. Names are enclosed in colons.
bool HasObjects(const char* format) {
  if (format == nullptr) return false;
  bool in_name = false;
  for (const char c : std::string_view(format)) {
    if (c == ':') in_name = !in_name;
    if (c == 'O' && !in_name) return true;
  }
  return false;
}

// Keeps what the object exports; if necessary without a format: numpy has none for dates.
std::shared_ptr<void> KeepContiguous(PyObject* object, Py_buffer* view) {
  std::shared_ptr<void> owner = KeepExport(object, PyBUF_FULL_RO, view);
  if (owner == nullptr && PyErr_ExceptionMatches(PyExc_ValueError) != 0) {
    PyErr_Clear();
    owner = KeepExport(object, PyBUF_STRIDED_RO, view);
  }
  if (owner == nullptr) return nullptr;
  const char* fault = nullptr;
  if (HasObjects(view->format)) {
    fault = "are references to objects";
  } else if (PyBuffer_IsContiguous(view, 'C') == 0) {
    fault = PyBuffer_IsContiguous(view, 'F') != 0 ? "lie in Fortran order, not in C order"
                                                  : "are not contiguous";
  }
  if (fault == nullptr) return owner;
  PyErr_Format(PyExc_BufferError, "the bytes of this %R %s", Py_TYPE(object), fault);
  return nullptr;
}

}  // namespace

bool MakeBufferType(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_doc,
       const_cast<char*>(
           "Contiguous bytes, and what keeps them alive.\n\nMade by py_buffer, foreign_buffer, "
           "allocate_buffer and builders. Exports its bytes without a copy: to\nmemoryview and "
           "numpy.frombuffer, by DLPack and by Arrow's C interface as uint8. Slices share the\n"
           "bytes. Reading is safe from any thread; writers must synchronize themselves.")},
      {Py_tp_getset, properties},
      {Py_tp_methods, buffer_methods},
      {Py_tp_repr, Slot(&Describe)},
      {Py_tp_richcompare, Slot(&CompareBuffer)},
      {Py_tp_hash, Slot(&PyObject_HashNotImplemented)},
      {Py_tp_iter, Slot(&PySeqIter_New)},
      {Py_bf_getbuffer, Slot(&GetBuffer)},
      {Py_sq_length, Slot(&Length)},
      {Py_sq_item, Slot(&GetBufferItem)},
      {Py_mp_length, Slot(&Length)},
      {Py_mp_subscript, Slot(&GetBufferItems)},
      {0, nullptr},
  };
  return BufferObject::MakeType(module, "alkaid.Buffer", slots);
}

std::shared_ptr<Buffer> BufferOf(PyObject* object) {
  if (BufferObject::Is(object)) return BufferObject::Of(object);
  Py_buffer view;
  std::shared_ptr<void> owner = KeepContiguous(object, &view);
  if (owner == nullptr) return nullptr;
  // An object may export a null pointer for zero bytes.
  auto buffer = view.readonly == 0
                    ? ForeignBuffer::MakeMutable(view.buf, view.len, std::move(owner))
                    : ForeignBuffer::Make(view.buf, view.len, std::move(owner));
  if (!buffer.ok()) {
    Raise(buffer.status());
    return nullptr;
  }
  return *std::move(buffer);
}

PyObject* MakeBuffer(Result<std::shared_ptr<Buffer>> buffer) {
  if (!buffer.ok()) return Raise(buffer.status());
  return BufferObject::Make(*std::move(buffer));
}

}  // namespace alkaid::python
