#include "buffer_methods.h"

#include <string>

#include "arrow_capsules.h"
#include "buffer_object.h"
#include "dlpack_capsules.h"
#include "errors.h"
#include "owners.h"

namespace alkaid::python {
namespace {

// A slice of some bytes, writable if the Buffer is. kOutOfRange, with the numbers.
Result<std::shared_ptr<Buffer>> View(const std::shared_ptr<Buffer>& buffer, int64_t offset,
                                     int64_t length) {
  return buffer->is_mutable() ? SliceMutableBufferSafe(buffer, offset, length)
                              : SliceBufferSafe(buffer, offset, length);
}

PyObject* SliceOf(PyObject* self, PyObject* arguments, PyObject* keywords) try {
  const Entry entry;
  Py_ssize_t offset = 0;
  PyObject* length = Py_None;
  static const char* const kNames[] = {"offset", "length", nullptr};
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "|nO", const_cast<char**>(kNames), &offset,
                                  &length) == 0) {
    return nullptr;
  }
  const std::shared_ptr<Buffer>& buffer = BufferObject::Of(self);
  if (length == Py_None) {
    if (offset < 0 || offset > buffer->size()) {
      return PyErr_Format(PyExc_IndexError, "a slice from byte %zd of a Buffer of %zd bytes",
                          offset, static_cast<Py_ssize_t>(buffer->size()));
    }
    return MakeBuffer(View(buffer, offset, buffer->size() - offset));
  }
  const Py_ssize_t bytes = PyNumber_AsSsize_t(length, PyExc_IndexError);
  if (bytes == -1 && PyErr_Occurred() != nullptr) return nullptr;
  return MakeBuffer(View(buffer, offset, bytes));
} catch (...) {
  return RaiseCaught();
}

// The Buffer, if the CPU can read it; else null and a BufferError.
const Buffer* Readable(PyObject* self) {
  const Buffer& buffer = *BufferObject::Of(self);
  if (buffer.is_cpu()) return &buffer;
  PyErr_SetString(PyExc_BufferError, "the CPU cannot read the memory of this Buffer");
  return nullptr;
}

PyObject* Hex(PyObject* self, PyObject* /*unused*/) try {
  const Buffer* const buffer = Readable(self);
  if (buffer == nullptr) return nullptr;
  const std::string text = buffer->ToHexString();
  return PyBytes_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
} catch (...) {
  return RaiseCaught();
}

PyObject* ToBytes(PyObject* self, PyObject* /*unused*/) {
  const Buffer* const buffer = Readable(self);
  if (buffer == nullptr) return nullptr;
  return PyBytes_FromStringAndSize(reinterpret_cast<const char*>(buffer->data()), buffer->size());
}

PyObject* EqualsOther(PyObject* self, PyObject* other) {
  if (!BufferObject::Is(other)) {
    return PyErr_Format(PyExc_TypeError, "equals takes a Buffer, not %R", Py_TYPE(other));
  }
  return PyBool_FromLong(BufferObject::Of(self)->Equals(*BufferObject::Of(other)) ? 1 : 0);
}

PyObject* CompactIfBelow(PyObject* self, PyObject* ratio) try {
  const Entry entry;
  const double below = PyFloat_AsDouble(ratio);
  if (below == -1 && PyErr_Occurred() != nullptr) return nullptr;
  std::shared_ptr<Buffer> buffer = BufferObject::Of(self);
  const Result<bool> copied = Buffer::CompactIfBelow(&buffer, below);
  if (!copied.ok()) return Raise(copied.status());
  return *copied ? BufferObject::Make(std::move(buffer)) : Py_NewRef(self);
} catch (...) {
  return RaiseCaught();
}

// (py_buffer, (what pickle takes,)): out of band if pickle can, else a bytes or a bytearray, which
// makes the copy as mutable as this Buffer.
PyObject* Reduce(PyObject* self, PyObject* protocol) {
  const Entry entry;
  const long version = PyLong_AsLong(protocol);
  if (version == -1 && PyErr_Occurred() != nullptr) return nullptr;
  const Ref alkaid(PyImport_ImportModule("alkaid"));
  if (!alkaid) return nullptr;
  const Ref function(PyObject_GetAttrString(alkaid.get(), "py_buffer"));
  if (!function) return nullptr;
  Ref bytes;
  if (version >= 5) {
    const Ref pickle(PyImport_ImportModule("pickle"));
    if (!pickle) return nullptr;
    bytes = Ref(PyObject_CallMethod(pickle.get(), "PickleBuffer", "O", self));
  } else if (BufferObject::Of(self)->is_mutable()) {
    bytes = Ref(PyByteArray_FromObject(self));
  } else {
    bytes = Ref(ToBytes(self, nullptr));
  }
  return bytes ? Py_BuildValue("O(O)", function.get(), bytes.get()) : nullptr;
}

}  // namespace

PyObject* GetBufferItem(PyObject* self, Py_ssize_t index) {
  const Buffer* const buffer = Readable(self);
  if (buffer == nullptr) return nullptr;
  if (index < 0 || index >= buffer->size()) {
    PyErr_Format(PyExc_IndexError, "byte %zd of a Buffer of %zd bytes", index,
                 static_cast<Py_ssize_t>(buffer->size()));
    return nullptr;
  }
  return PyLong_FromLong((*buffer)[static_cast<size_t>(index)]);
}

PyObject* GetBufferItems(PyObject* self, PyObject* key) try {
  const Entry entry;
  const std::shared_ptr<Buffer>& buffer = BufferObject::Of(self);
  if (PySlice_Check(key) == 0) {
    const Py_ssize_t index = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (index == -1 && PyErr_Occurred() != nullptr) return nullptr;
    return GetBufferItem(self, index < 0 ? index + buffer->size() : index);
  }
  Py_ssize_t start = 0;
  Py_ssize_t stop = 0;
  Py_ssize_t step = 0;
  if (PySlice_Unpack(key, &start, &stop, &step) != 0) return nullptr;
  const Py_ssize_t length = PySlice_AdjustIndices(buffer->size(), &start, &stop, step);
  if (step != 1) {
    return PyErr_Format(PyExc_IndexError,
                        "a slice of step %zd: a Buffer is contiguous, so its step is 1", step);
  }
  return MakeBuffer(View(buffer, start, length));
} catch (...) {
  return RaiseCaught();
}

PyObject* CompareBuffer(PyObject* self, PyObject* other, int operation) try {
  if ((operation != Py_EQ && operation != Py_NE) ||
      (!BufferObject::Is(other) && PyObject_CheckBuffer(other) == 0)) {
    return Py_NewRef(Py_NotImplemented);
  }
  const Entry entry;
  const std::shared_ptr<Buffer> bytes = BufferOf(other);
  if (bytes == nullptr) return nullptr;
  return PyBool_FromLong(BufferObject::Of(self)->Equals(*bytes) == (operation == Py_EQ) ? 1 : 0);
} catch (...) {
  return RaiseCaught();
}

PyMethodDef buffer_methods[] = {
    {"slice", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&SliceOf)),
     METH_VARARGS | METH_KEYWORDS,
     "slice(offset=0, length=None) -> Buffer\n\n`length` bytes from `offset`, or all the rest, "
     "without a copy; writable if this Buffer is.\nIndexError if they are not inside it."},
    {"hex", &Hex, METH_NOARGS, "hex() -> bytes\n\nTwo upper-case digits for each byte."},
    {"to_pybytes", &ToBytes, METH_NOARGS, "to_pybytes() -> bytes\n\nA copy of the bytes."},
    {"equals", &EqualsOther, METH_O,
     "equals(other) -> bool\n\nWhether the other Buffer has the same bytes."},
    {"compact_if_below", &CompactIfBelow, METH_O,
     "compact_if_below(ratio) -> Buffer\n\nThis Buffer, or a copy if it shows less than `ratio` (0 "
     "to 1) of what it keeps alive:\nthe large block is then freed with its last other reference."},
    {"__reduce_ex__", &Reduce, METH_O,
     "For pickle: out of band from protocol 5 on, and as mutable as it was."},
    {"__dlpack__", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&ExportBufferByDLPack)),
     METH_FASTCALL | METH_KEYWORDS,
     "__dlpack__(*, stream=None, max_version=None, dl_device=None, copy=None) -> capsule\n\n"
     "The bytes as a tensor of uint8 with one dimension. BufferError for read-only bytes and\n"
     "a consumer older than DLPack 1.0, unless they are copied."},
    {"__dlpack_device__", &BufferDLPackDevice, METH_NOARGS,
     "__dlpack_device__() -> (type, id)\n\n(1, 0) is the CPU."},
    {"__arrow_c_array__",
     reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&ExportBufferToArrow)),
     METH_VARARGS | METH_KEYWORDS,
     "__arrow_c_array__(requested_schema=None) -> (capsule, capsule)\n\nThe bytes as Arrow's array "
     "of uint8, without nulls, whatever type is requested."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace alkaid::python
