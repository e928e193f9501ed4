// alkaid._numpy_allocator: numpy's own arrays from a pool of Alkaid.
//
// numpy keeps the handler that allocated an array together with the array, and frees and resizes it
// by that handler. So a handler and its pool live until the last of their arrays, even after
// another handler is in use. When numpy frees a block it does not report its size reliably, and a
// pool needs the size. So each block begins with a line of 64 bytes that contains it, and the array
// starts after the line.
//
//     |size|.... 64 bytes ....|elements, aligned to 64
//
// Source: NEP 49 and numpy/ndarraytypes.h of numpy 1.22 and 2.
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "alkaid/base/checked_math.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/labelled_memory_pool.h"
#include "numpy_table.h"
#include "pool_object.h"
#include "stable_python.h"

namespace alkaid::python {
namespace {

constexpr int kSetHandler = 304;
constexpr char kHandlerCapsule[] = "mem_handler";

// PyDataMem_Handler of version 1.
struct Handler {
  char name[127];
  uint8_t version;
  void* context;
  void* (*allocate)(void* context, size_t size);
  void* (*allocate_zeros)(void* context, size_t count, size_t size);
  void* (*reallocate)(void* context, void* block, size_t size);
  void (*free)(void* context, void* block, size_t size);
};

constexpr int64_t kLine = kDefaultBufferAlignment;

struct Block {
  int64_t size;  // with the line
};

// Bytes of a block, with its line; 0 where 63 bits do not hold it.
int64_t WithLine(size_t size) {
  int64_t all;
  return AddOverflow(size, kLine, &all) ? 0 : all;
}
Block* BlockOf(void* elements) {
  return reinterpret_cast<Block*>(static_cast<uint8_t*>(elements) - kLine);
}
void* Begin(uint8_t* block, int64_t size) {
  reinterpret_cast<Block*>(block)->size = size;
  return block + kLine;
}

MemoryPool& PoolOfContext(void* context) { return *static_cast<MemoryPool*>(context); }

// A pool of the program's own may throw.
void* Allocate(void* context, size_t size) try {
  const int64_t all = WithLine(size);
  uint8_t* block = nullptr;
  if (all <= 0 || !PoolOfContext(context).Allocate(all, &block).ok()) return nullptr;
  return Begin(block, all);
} catch (...) {
  return nullptr;
}

void* AllocateZeros(void* context, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return nullptr;
  void* const elements = Allocate(context, bytes);
  if (elements != nullptr) std::memset(elements, 0, bytes);
  return elements;
}

void* Reallocate(void* context, void* elements, size_t size) try {
  if (elements == nullptr) return Allocate(context, size);
  const int64_t all = WithLine(size);
  auto* block = reinterpret_cast<uint8_t*>(BlockOf(elements));
  const int64_t old = BlockOf(elements)->size;
  if (all <= 0 || !PoolOfContext(context).Reallocate(old, all, &block).ok()) return nullptr;
  return Begin(block, all);
} catch (...) {
  return nullptr;
}

void Free(void* context, void* elements, size_t /*unreliable*/) {
  if (elements == nullptr) return;
  Block* const block = BlockOf(elements);
  PoolOfContext(context).Free(reinterpret_cast<uint8_t*>(block), block->size);
}

struct OwnedHandler {
  Handler handler;
  std::shared_ptr<MemoryPool> pool;
};

void DeleteHandler(PyObject* capsule) {
  auto* const handler = static_cast<Handler*>(PyCapsule_GetPointer(capsule, kHandlerCapsule));
  delete reinterpret_cast<OwnedHandler*>(handler);
}

// (label, capsule of a pool) -> capsule of a handler.
PyObject* MakeHandler(PyObject* /*self*/, PyObject* arguments) try {
  const char* label = nullptr;
  PyObject* capsule = nullptr;
  if (PyArg_ParseTuple(arguments, "sO", &label, &capsule) == 0) return nullptr;
  void* const pool = PyCapsule_GetPointer(capsule, kPoolCapsule);
  if (pool == nullptr) return nullptr;
  auto owned = std::make_unique<OwnedHandler>();
  owned->pool = std::make_shared<LabelledMemoryPool>(
      *static_cast<std::shared_ptr<MemoryPool>*>(pool), Label::Intern(label));
  owned->handler = {"alkaid", 1, owned->pool.get(), &Allocate, &AllocateZeros, &Reallocate, &Free};
  PyObject* const made = PyCapsule_New(&owned->handler, kHandlerCapsule, &DeleteHandler);
  if (made != nullptr) (void)owned.release();
  return made;
} catch (...) {
  return PyErr_NoMemory();
}

// Puts a handler in use, in this context of contextvars; gives the one before.
PyObject* SetHandler(PyObject* /*self*/, PyObject* handler) {
  void** const table = NumpyTable();
  if (table == nullptr) return nullptr;
  using Set = PyObject*(PyObject*);
  return reinterpret_cast<Set*>(table[kSetHandler])(handler);
}

// numpy before 1.22 has no such place: the table says what it is by its first function.
PyObject* RequireNumpy(PyObject* /*self*/, PyObject* /*unused*/) {
  void** const table = NumpyTable();
  if (table == nullptr) return nullptr;
  constexpr int kFeatureVersion = 211;
  constexpr unsigned kOf122 = 0xf;
  const unsigned version = reinterpret_cast<unsigned (*)()>(table[kFeatureVersion])();
  if (version >= kOf122) Py_RETURN_NONE;
  PyErr_SetString(PyExc_ImportError, "other allocators need numpy 1.22 or later");
  return nullptr;
}

PyMethodDef functions[] = {
    {"make_handler", &MakeHandler, METH_VARARGS, nullptr},
    {"set_handler", &SetHandler, METH_O, nullptr},
    {"require_numpy", &RequireNumpy, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                          "alkaid._numpy_allocator",
                          nullptr,
                          -1,
                          functions,
                          nullptr,
                          nullptr,
                          nullptr,
                          nullptr};

}  // namespace
}  // namespace alkaid::python

PyMODINIT_FUNC PyInit__numpy_allocator() { return PyModule_Create(&alkaid::python::definition); }
