#include "pool_object.h"

#include <string>

#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/capped_memory_pool.h"
#include "alkaid/core/pools/labelled_memory_pool.h"
#include "alkaid/core/pools/logging_memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/core/pools/quota_memory_pool.h"
#include "errors.h"
#include "owners.h"

namespace alkaid::python {
namespace {

template <int64_t (MemoryPool::*kFigure)() const>
PyObject* Figure(PyObject* self, PyObject* /*unused*/) {
  return PyLong_FromLongLong(((*PoolObject::Of(self)).*kFigure)());
}

PyObject* ReleaseUnused(PyObject* self, PyObject* /*unused*/) {
  const std::shared_ptr<MemoryPool> pool = PoolObject::Of(self);
  {
    const WithoutGil free;
    pool->ReleaseUnused();
  }
  Py_RETURN_NONE;
}

PyObject* PrintStats(PyObject* self, PyObject* /*unused*/) {
  const std::shared_ptr<MemoryPool> pool = PoolObject::Of(self);
  {
    // A thread of this program may be reading the other end of stderr.
    const WithoutGil free;
    pool->PrintStats();
  }
  Py_RETURN_NONE;
}

PyObject* BackendName(PyObject* self, void* /*unused*/) try {
  return PyUnicode_FromString(PoolObject::Of(self)->backend_name().c_str());
} catch (...) {
  return RaiseCaught();
}

PyObject* Describe(PyObject* self) try {
  const MemoryPool& pool = *PoolObject::Of(self);
  return PyUnicode_FromFormat(
      "<alkaid.MemoryPool backend_name=%s bytes_allocated=%lld max_memory=%lld>",
      pool.backend_name().c_str(), static_cast<long long>(pool.bytes_allocated()),
      static_cast<long long>(pool.max_memory()));
} catch (...) {
  return RaiseCaught();
}

PyObject* Capsule(PyObject* self, PyObject* /*unused*/) try {
  auto held = std::make_unique<std::shared_ptr<MemoryPool>>(PoolObject::Of(self));
  PyObject* const capsule = PyCapsule_New(held.get(), kPoolCapsule, [](PyObject* dying) {
    delete static_cast<std::shared_ptr<MemoryPool>*>(PyCapsule_GetPointer(dying, kPoolCapsule));
  });
  if (capsule != nullptr) (void)held.release();
  return capsule;
} catch (...) {
  return RaiseCaught();
}

PyMethodDef methods[] = {
    {"bytes_allocated", &Figure<&MemoryPool::bytes_allocated>, METH_NOARGS,
     "bytes_allocated() -> int\n\nBytes live now."},
    {"max_memory", &Figure<&MemoryPool::max_memory>, METH_NOARGS,
     "max_memory() -> int\n\nThe most bytes that were live; -1 if the pool does not count them."},
    {"total_bytes_allocated", &Figure<&MemoryPool::total_bytes_allocated>, METH_NOARGS,
     "total_bytes_allocated() -> int\n\nBytes ever allocated, including growth by reallocations."},
    {"num_allocations", &Figure<&MemoryPool::num_allocations>, METH_NOARGS,
     "num_allocations() -> int\n\nAllocations so far, and reallocations that grew."},
    {"release_unused", &ReleaseUnused, METH_NOARGS,
     "release_unused() -> None\n\nAsks the allocator to return the memory that it holds in "
     "reserve."},
    {"print_stats", &PrintStats, METH_NOARGS,
     "print_stats() -> None\n\nWrites the pool's figures and the allocator's to stderr."},
    {"_capsule", &Capsule, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef properties[] = {
    {"backend_name", &BackendName, nullptr, "The allocator: mimalloc, jemalloc, system.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyObject* Borrow(MemoryPool* pool) {
  return PoolObject::Make(std::shared_ptr<MemoryPool>(std::shared_ptr<void>(), pool));
}

PyObject* Default(PyObject* /*self*/, PyObject* /*unused*/) try {
  return Borrow(default_memory_pool());
} catch (...) {
  return RaiseCaught();
}
PyObject* System(PyObject* /*self*/, PyObject* /*unused*/) { return Borrow(system_memory_pool()); }

template <Status (*kFind)(MemoryPool** out)>
PyObject* Find(PyObject* /*self*/, PyObject* /*unused*/) try {
  MemoryPool* pool = nullptr;
  const Status found = kFind(&pool);
  return found.ok() ? Borrow(pool) : Raise(found);
} catch (...) {
  return RaiseCaught();
}

PyObject* Create(PyObject* /*self*/, PyObject* backend) try {
  const char* const name = PyUnicode_AsUTF8AndSize(backend, nullptr);
  if (name == nullptr) return nullptr;
  auto pool = CreateMemoryPool(name);
  if (!pool.ok()) return Raise(pool.status());
  return PoolObject::Make(std::shared_ptr<MemoryPool>(*std::move(pool)));
} catch (...) {
  return RaiseCaught();
}

PyObject* TotalAllocated(PyObject* /*self*/, PyObject* /*unused*/) try {
  return PyLong_FromLongLong(default_memory_pool()->bytes_allocated());
} catch (...) {
  return RaiseCaught();
}

PyObject* Backends(PyObject* /*self*/, PyObject* /*unused*/) try {
  Ref list(PyList_New(0));
  if (!list) return nullptr;
  for (const std::string& name : SupportedMemoryBackendNames()) {
    const Ref text(PyUnicode_FromString(name.c_str()));
    if (!text || PyList_Append(list.get(), text.get()) != 0) return nullptr;
  }
  return list.release();
} catch (...) {
  return RaiseCaught();
}

template <typename Adaptor>
PyObject* Adapt(PyObject* /*self*/, PyObject* object) try {
  std::shared_ptr<MemoryPool> pool = PoolOf(object);
  if (pool == nullptr) return nullptr;
  return PoolObject::Make(std::make_shared<Adaptor>(std::move(pool)));
} catch (...) {
  return RaiseCaught();
}

template <typename Adaptor>
PyObject* Limit(PyObject* /*self*/, PyObject* arguments) try {
  PyObject* object = nullptr;
  long long limit = 0;
  if (PyArg_ParseTuple(arguments, "OL", &object, &limit) == 0) return nullptr;
  std::shared_ptr<MemoryPool> pool = PoolOf(object);
  if (pool == nullptr) return nullptr;
  return PoolObject::Make(std::make_shared<Adaptor>(std::move(pool), limit));
} catch (...) {
  return RaiseCaught();
}

PyObject* LabelPool(PyObject* /*self*/, PyObject* arguments) try {
  PyObject* object = nullptr;
  const char* label = nullptr;
  if (PyArg_ParseTuple(arguments, "Os", &object, &label) == 0) return nullptr;
  std::shared_ptr<MemoryPool> pool = PoolOf(object);
  if (pool == nullptr) return nullptr;
  return PoolObject::Make(
      std::make_shared<LabelledMemoryPool>(std::move(pool), Label::Intern(label)));
} catch (...) {
  return RaiseCaught();
}

PyMethodDef functions[] = {
    {"default_memory_pool", &Default, METH_NOARGS,
     "default_memory_pool() -> MemoryPool\n\nThe process's pool, chosen by "
     "ALKAID_DEFAULT_MEMORY_POOL."},
    {"system_memory_pool", &System, METH_NOARGS,
     "system_memory_pool() -> MemoryPool\n\nThe process's pool over the C library's allocator."},
    {"jemalloc_memory_pool", &Find<&jemalloc_memory_pool>, METH_NOARGS,
     "jemalloc_memory_pool() -> MemoryPool\n\nNotImplementedError if the library was built without "
     "it."},
    {"mimalloc_memory_pool", &Find<&mimalloc_memory_pool>, METH_NOARGS,
     "mimalloc_memory_pool() -> MemoryPool\n\nNotImplementedError if the library was built without "
     "it."},
    {"create_memory_pool", &Create, METH_O,
     "create_memory_pool(backend) -> MemoryPool\n\nA new pool with its own figures."},
    {"supported_memory_backends", &Backends, METH_NOARGS,
     "supported_memory_backends() -> list[str]\n\nTheir names, in the order in which the default "
     "is chosen."},
    {"total_allocated_bytes", &TotalAllocated, METH_NOARGS,
     "total_allocated_bytes() -> int\n\nBytes live in the default pool."},
    {"proxy_memory_pool", &Adapt<ProxyMemoryPool>, METH_O,
     "proxy_memory_pool(parent) -> MemoryPool\n\nA pool with its own figures over another pool."},
    {"logging_memory_pool", &Adapt<LoggingMemoryPool>, METH_O,
     "logging_memory_pool(parent) -> MemoryPool\n\nA pool that writes a line to stdout for each "
     "call."},
    {"capped_memory_pool", &Limit<CappedMemoryPool>, METH_VARARGS,
     "capped_memory_pool(parent, bytes_limit) -> MemoryPool\n\nMemoryError if an allocation would "
     "take the parent past the limit, its other users included."},
    {"quota_memory_pool", &Limit<QuotaMemoryPool>, METH_VARARGS,
     "quota_memory_pool(parent, bytes_limit) -> MemoryPool\n\nMemoryError if an allocation would "
     "take this pool past the limit."},
    {"labelled_memory_pool", &LabelPool, METH_VARARGS,
     "labelled_memory_pool(parent, label) -> MemoryPool\n\nA pool that labels its blocks if the "
     "thread has no label set."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool MakePoolType(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("A source of memory, and its figures.\n\nSafe from any thread. "
                                    "Buffers keep the pool they came from alive.")},
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {Py_tp_repr, Slot(&Describe)},
      {0, nullptr},
  };
  return PoolObject::MakeType(module, "alkaid.MemoryPool", slots) &&
         PyModule_AddFunctions(module, functions) == 0;
}

std::shared_ptr<MemoryPool> PoolOf(PyObject* object) {
  if (object == Py_None) return {std::shared_ptr<void>(), default_memory_pool()};
  if (PoolObject::Is(object)) return PoolObject::Of(object);
  PyErr_Format(PyExc_TypeError, "a MemoryPool or None, not %R", Py_TYPE(object));
  return nullptr;
}

}  // namespace alkaid::python
