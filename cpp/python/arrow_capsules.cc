#include "arrow_capsules.h"

#include <memory>
#include <new>
#include <utility>

#include "alkaid/interop/arrow_export.h"
#include "buffer_object.h"
#include "errors.h"
#include "owners.h"

namespace alkaid::python {
namespace {

// The names that the interface gives to its capsules.
template <typename Structure>
constexpr const char* kName = nullptr;
template <>
constexpr const char* kName<ArrowSchema> = "arrow_schema";
template <>
constexpr const char* kName<ArrowArray> = "arrow_array";
template <>
constexpr const char* kName<ArrowArrayStream> = "arrow_array_stream";

// A consumer that took the structure has marked it as released.
template <typename Structure>
void Delete(PyObject* capsule) {
  const Entry entry;
  auto* const structure = static_cast<Structure*>(PyCapsule_GetPointer(capsule, kName<Structure>));
  if (structure == nullptr) return PyErr_WriteUnraisable(capsule);
  if (structure->release != nullptr) structure->release(structure);
  delete structure;
}

template <typename Structure>
PyObject* MakeCapsule(std::unique_ptr<Structure> structure) {
  PyObject* const capsule = PyCapsule_New(structure.get(), kName<Structure>, &Delete<Structure>);
  if (capsule != nullptr) {
    (void)structure.release();
  } else {
    structure->release(structure.get());
  }
  return capsule;
}

}  // namespace

PyObject* MakeSchemaCapsule(const interop::Field& field) try {
  auto schema = std::make_unique<ArrowSchema>();
  const Status status = interop::ExportField(field, schema.get());
  return status.ok() ? MakeCapsule(std::move(schema)) : Raise(status);
} catch (...) {
  return RaiseCaught();
}

PyObject* MakeArrayCapsule(const interop::Field& field, const interop::ArrayData& data) try {
  auto array = std::make_unique<ArrowArray>();
  const Status status = interop::ExportArray(field, data, array.get());
  return status.ok() ? MakeCapsule(std::move(array)) : Raise(status);
} catch (...) {
  return RaiseCaught();
}

PyObject* MakeArrayCapsules(const interop::Field& field, const interop::ArrayData& array) {
  const Ref type(MakeSchemaCapsule(field));
  if (!type) return nullptr;
  const Ref values(MakeArrayCapsule(field, array));
  return values ? PyTuple_Pack(2, type.get(), values.get()) : nullptr;
}

PyObject* MakeStreamCapsule(ArrowArrayStream* stream) {
  std::unique_ptr<ArrowArrayStream> moved(new (std::nothrow) ArrowArrayStream(*stream));
  if (moved == nullptr) {
    stream->release(stream);
    return PyErr_NoMemory();
  }
  stream->release = nullptr;
  return MakeCapsule(std::move(moved));
}

PyObject* ExportBufferToArrow(PyObject* self, PyObject* arguments, PyObject* keywords) try {
  const Entry entry;
  PyObject* requested = nullptr;  // a request that the interface lets a producer ignore
  static const char* const kNames[] = {"requested_schema", nullptr};
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "|O", const_cast<char**>(kNames),
                                  &requested) == 0) {
    return nullptr;
  }
  const std::shared_ptr<Buffer>& buffer = BufferObject::Of(self);
  interop::Field field;
  field.format = "C";
  field.nullable = false;
  return MakeArrayCapsules(field, interop::MakeFixedWidth(buffer->size(), buffer));
} catch (...) {
  return RaiseCaught();
}

}  // namespace alkaid::python
