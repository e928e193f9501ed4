// alkaid.Buffer: a Buffer as a Python object.
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

// A Buffer over the bytes that `object` exports, which stay exported: a bytearray cannot be resized
// meanwhile. Writable if the object's bytes are. Null and a Python error if the bytes are not
// contiguous in C order, or are references to objects. For an alkaid.Buffer, its own Buffer.
std::shared_ptr<Buffer> BufferOf(PyObject* object);

// The object for a Result. Null and a Python error for a failure.
PyObject* MakeBuffer(Result<std::shared_ptr<Buffer>> buffer);

}  // namespace alkaid::python
