// alkaid.Buffer: a Buffer as Python sees it.
//
// Exports its bytes by the buffer protocol, read-only unless the Buffer is mutable.
#pragma once

#include <cstdint>
#include <memory>

#include "alkaid/core/buffers/buffer.h"
#include "stable_python.h"
#include "typed_object.h"

namespace alkaid::python {

using BufferObject = Object<std::shared_ptr<Buffer>>;

bool MakeBufferType(PyObject* module);

// A Buffer over the bytes that `object` exports, which it keeps exported: a bytearray cannot be
// resized while it lives. Writable where the object's bytes are. Null and a Python error where the
// bytes are not contiguous in C order, or are references to objects. An alkaid.Buffer gives its
// own.
std::shared_ptr<Buffer> BufferOf(PyObject* object);

// The object of a Result. Null and a Python error for a status.
PyObject* MakeBuffer(Result<std::shared_ptr<Buffer>> buffer);

}  // namespace alkaid::python
