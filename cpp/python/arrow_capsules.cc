#include "arrow_capsules.h"

#include <memory>

#include "alkaid/interop/arrow_export.h"
#include "buffer_object.h"
#include "errors.h"
#include "owners.h"

namespace alkaid::python {
namespace {

// A consumer that took the structure has marked it as released.
template <typename Structure>
void Delete(PyObject* capsule, const char* name) {
  const Entry entry;
  auto* const structure = static_cast<Structure*>(PyCapsule_GetPointer(capsule, name));
  if (structure == nullptr) return PyErr_WriteUnraisable(capsule);
  if (structure->release != nullptr) structure->release(structure);
  delete structure;
}

template <typename Structure>
PyObject* MakeCapsule(std::unique_ptr<Structure> structure, const char* name,
                      void (*destroy)(PyObject*)) {
  PyObject* const capsule = PyCapsule_New(structure.get(), name, destroy);
  if (capsule != nullptr) {
    (void)structure.release();
  } else {
    structure->release(structure.get());
  }
  return capsule;
}

}  // namespace

PyObject* ExportBufferToArrow(PyObject* self, PyObject* arguments, PyObject* keywords) try {
  const Entry entry;
  PyObject* requested = nullptr;  // a wish, which the interface lets a producer ignore
  static const char* const kNames[] = {"requested_schema", nullptr};
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "|O", const_cast<char**>(kNames),
                                  &requested) == 0) {
    return nullptr;
  }
  const std::shared_ptr<Buffer>& buffer = BufferObject::Of(self);
  interop::Field field;
  field.format = "C";
  field.nullable = false;
  auto schema = std::make_unique<ArrowSchema>();
  auto array = std::make_unique<ArrowArray>();
  const Status typed = interop::ExportField(field, schema.get());
  if (!typed.ok()) return Raise(typed);
  const Ref types(MakeCapsule(std::move(schema), "arrow_schema", [](PyObject* capsule) {
    Delete<ArrowSchema>(capsule, "arrow_schema");
  }));
  if (!types) return nullptr;
  const Status filled =
      interop::ExportArray(field, interop::MakeFixedWidth(buffer->size(), buffer), array.get());
  if (!filled.ok()) return Raise(filled);
  const Ref values(MakeCapsule(std::move(array), "arrow_array", [](PyObject* capsule) {
    Delete<ArrowArray>(capsule, "arrow_array");
  }));
  return values ? PyTuple_Pack(2, types.get(), values.get()) : nullptr;
} catch (...) {
  return RaiseCaught();
}

}  // namespace alkaid::python
