#include "buffer_functions.h"

#include <memory>

#include "alkaid/core/buffers/foreign_buffer.h"
#include "buffer_object.h"
#include "errors.h"
#include "owners.h"
#include "pool_object.h"

namespace alkaid::python {
namespace {

PyObject* PyBuffer(PyObject* /*self*/, PyObject* object) try {
  const Entry entry;
  if (BufferObject::Is(object)) return Py_NewRef(object);
  std::shared_ptr<Buffer> buffer = BufferOf(object);
  return buffer != nullptr ? BufferObject::Make(std::move(buffer)) : nullptr;
} catch (...) {
  return RaiseCaught();
}

PyObject* Foreign(PyObject* /*self*/, PyObject* arguments, PyObject* keywords) try {
  const Entry entry;
  PyObject* address = nullptr;
  Py_ssize_t size = 0;
  PyObject* base = Py_None;
  static const char* const kNames[] = {"address", "size", "base", nullptr};
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "On|O", const_cast<char**>(kNames), &address,
                                  &size, &base) == 0) {
    return nullptr;
  }
  void* const data = PyLong_AsVoidPtr(address);
  if (data == nullptr && PyErr_Occurred() != nullptr) return nullptr;
  std::shared_ptr<void> owner = KeepObject(base);
  if (owner == nullptr) return nullptr;
  return MakeBuffer(ForeignBuffer::Make(data, size, std::move(owner)));
} catch (...) {
  return RaiseCaught();
}

PyObject* Allocate(PyObject* /*self*/, PyObject* arguments, PyObject* keywords) try {
  const Entry entry;
  Py_ssize_t size = 0;
  PyObject* given = Py_None;
  long long alignment = kDefaultBufferAlignment;
  static const char* const kNames[] = {"size", "memory_pool", "alignment", nullptr};
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "n|OL", const_cast<char**>(kNames), &size,
                                  &given, &alignment) == 0) {
    return nullptr;
  }
  std::shared_ptr<MemoryPool> pool = PoolOf(given);
  if (pool == nullptr) return nullptr;
  auto buffer = AllocateBuffer(size, alignment, std::move(pool));
  if (!buffer.ok()) return Raise(buffer.status());
  return BufferObject::Make(*std::move(buffer));
} catch (...) {
  return RaiseCaught();
}

}  // namespace

bool AddBufferFunctions(PyObject* module) {
  static PyMethodDef functions[] = {
      {"py_buffer", &PyBuffer, METH_O,
       "py_buffer(obj) -> Buffer\n\nThe bytes that `obj` exports, without a copy. They stay "
       "exported: a bytearray cannot be\nresized meanwhile. Writable if `obj` is. BufferError if "
       "they are not in C order, or are\nreferences to objects; TypeError if there are none. A "
       "Buffer is returned as it is."},
      {"foreign_buffer", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&Foreign)),
       METH_VARARGS | METH_KEYWORDS,
       "foreign_buffer(address, size, base=None) -> Buffer\n\n`size` bytes at `address`, "
       "read-only, valid as long as `base` lives: the Buffer and its\nslices keep it alive. "
       "Nothing is checked. A base that holds the Buffer in turn is never collected."},
      {"allocate_buffer", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&Allocate)),
       METH_VARARGS | METH_KEYWORDS,
       "allocate_buffer(size, memory_pool=None, alignment=64) -> Buffer\n\nWritable memory of "
       "`memory_pool` (None: the default one), not initialised. `alignment` is\na power of two up "
       "to 2 MiB. MemoryError, with the pool's figures, if there is none."},
      {nullptr, nullptr, 0, nullptr},
  };
  return PyModule_AddFunctions(module, functions) == 0;
}

}  // namespace alkaid::python
