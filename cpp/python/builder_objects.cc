#include "builder_objects.h"

#include <memory>

#include "alkaid/core/buffers/buffer_builder.h"
#include "buffer_object.h"
#include "errors.h"
#include "pool_object.h"
#include "typed_object.h"

namespace alkaid::python {
namespace {

struct BuilderState {
  std::unique_ptr<BufferBuilder> builder;
  // How many objects its bytes are exported to: the bytes cannot move while there are any.
  Py_ssize_t exports = 0;
};
using BuilderObject = Object<BuilderState>;

// The builder, for a change. Null and a BufferError while its bytes are exported.
BufferBuilder* Changing(PyObject* self) {
  const BuilderState& state = BuilderObject::Of(self);
  if (state.exports == 0) return state.builder.get();
  PyErr_Format(PyExc_BufferError,
               "the bytes of this BufferBuilder are exported %zd times: it cannot "
               "be resized",
               state.exports);
  return nullptr;
}

PyObject* None(const Status& status) { return status.ok() ? Py_NewRef(Py_None) : Raise(status); }

PyObject* New(PyTypeObject* /*type*/, PyObject* arguments, PyObject* keywords) try {
  const Entry entry;
  PyObject* given = Py_None;
  long long alignment = kDefaultBufferAlignment;
  static const char* const kNames[] = {"memory_pool", "alignment", nullptr};
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "|OL", const_cast<char**>(kNames), &given,
                                  &alignment) == 0) {
    return nullptr;
  }
  std::shared_ptr<MemoryPool> pool = PoolOf(given);
  if (pool == nullptr) return nullptr;
  return BuilderObject::Make(std::make_unique<BufferBuilder>(std::move(pool), alignment));
} catch (...) {
  return RaiseCaught();
}

PyObject* Append(PyObject* self, PyObject* bytes) try {
  const Entry entry;
  const std::shared_ptr<Buffer> buffer = BufferOf(bytes);
  if (buffer == nullptr) return nullptr;
  if (!buffer->is_cpu()) {
    PyErr_SetString(PyExc_BufferError, "the CPU cannot read the memory of this Buffer");
    return nullptr;
  }
  // Checked only now: the bytes may be the builder's own.
  BufferBuilder* const builder = Changing(self);
  return builder != nullptr ? None(builder->Append(buffer->data(), buffer->size())) : nullptr;
} catch (...) {
  return RaiseCaught();
}

// A method that takes one number.
template <Status (*kDo)(BufferBuilder& builder, int64_t number)>
PyObject* WithNumber(PyObject* self, PyObject* number) try {
  const Entry entry;
  const long long value = PyLong_AsLongLong(number);
  if (value == -1 && PyErr_Occurred() != nullptr) return nullptr;
  BufferBuilder* const builder = Changing(self);
  return builder != nullptr ? None(kDo(*builder, value)) : nullptr;
} catch (...) {
  return RaiseCaught();
}
Status Advance(BufferBuilder& builder, int64_t number) { return builder.Advance(number); }
Status Reserve(BufferBuilder& builder, int64_t number) { return builder.Reserve(number); }
Status Resize(BufferBuilder& builder, int64_t number) { return builder.Resize(number); }

PyObject* Reset(PyObject* self, PyObject* /*unused*/) {
  BufferBuilder* const builder = Changing(self);
  if (builder == nullptr) return nullptr;
  builder->Reset();
  Py_RETURN_NONE;
}

PyObject* Finish(PyObject* self, PyObject* arguments, PyObject* keywords) try {
  const Entry entry;
  int shrink = 1;
  static const char* const kNames[] = {"shrink_to_fit", nullptr};
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "|p", const_cast<char**>(kNames), &shrink) ==
      0) {
    return nullptr;
  }
  BufferBuilder* const builder = Changing(self);
  return builder != nullptr ? MakeBuffer(builder->Finish(shrink != 0)) : nullptr;
} catch (...) {
  return RaiseCaught();
}

Py_ssize_t Length(PyObject* self) { return BuilderObject::Of(self).builder->length(); }
PyObject* Capacity(PyObject* self, void* /*unused*/) {
  return PyLong_FromLongLong(BuilderObject::Of(self).builder->capacity());
}

int GetBuffer(PyObject* self, Py_buffer* view, int flags) {
  BuilderState& state = BuilderObject::Of(self);
  const int shown = PyBuffer_FillInfo(view, self, state.builder->mutable_data(),
                                      state.builder->length(), 0, flags);
  if (shown == 0) ++state.exports;
  return shown;
}
void ReleaseBuffer(PyObject* self, Py_buffer* /*view*/) { --BuilderObject::Of(self).exports; }

PyMethodDef methods[] = {
    {"append", &Append, METH_O, "append(bytes) -> None\n\nCopies the bytes of an object."},
    {"advance", &WithNumber<&Advance>, METH_O, "advance(length) -> None\n\nAppends zeros."},
    {"reserve", &WithNumber<&Reserve>, METH_O,
     "reserve(additional) -> None\n\nMakes room for that many more bytes."},
    {"resize", &WithNumber<&Resize>, METH_O,
     "resize(capacity) -> None\n\nSets the capacity; less than the length drops the last bytes."},
    {"reset", &Reset, METH_NOARGS, "reset() -> None\n\nDrops the bytes."},
    {"finish", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&Finish)),
     METH_VARARGS | METH_KEYWORDS,
     "finish(shrink_to_fit=True) -> Buffer\n\nReturns the bytes, without a copy unless unused "
     "memory is given back, and empties the builder."},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef properties[] = {
    {"capacity", &Capacity, nullptr, "The number of bytes there is room for.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

bool MakeBuilderTypes(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_doc,
       const_cast<char*>(
           "BufferBuilder(memory_pool=None, alignment=64)\n\nBytes that grow, at least doubling, "
           "and become a Buffer. Exports what it has so far, writable;\nwhile that export is held, "
           "moving the bytes is a BufferError. One thread at a time.")},
      {Py_tp_new, Slot(&New)},
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {Py_bf_getbuffer, Slot(&GetBuffer)},
      {Py_bf_releasebuffer, Slot(&ReleaseBuffer)},
      {Py_sq_length, Slot(&Length)},
      {0, nullptr},
  };
  return BuilderObject::MakeType(module, "alkaid.BufferBuilder", slots);
}

}  // namespace alkaid::python
