// alkaid.MemoryPool, and the functions that make or find one.
#pragma once

#include <memory>

#include "alkaid/core/pools/memory_pool.h"
#include "stable_python.h"
#include "typed_object.h"

namespace alkaid::python {

// The process's own pools are borrowed; others live until the last object, Buffer or adaptor over
// them.
using PoolObject = Object<std::shared_ptr<MemoryPool>>;

bool MakePoolType(PyObject* module);

// The pool of an alkaid.MemoryPool; for None the default one. Null and a TypeError for others.
std::shared_ptr<MemoryPool> PoolOf(PyObject* object);

// The content of a pool's capsule, for other modules of this package: a
// std::shared_ptr<MemoryPool>.
inline constexpr char kPoolCapsule[] = "alkaid.MemoryPool";

}  // namespace alkaid::python
