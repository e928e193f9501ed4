#include "dgram_fields.h"

#include "alkaid/dgram/shapes_data.h"
#include "buffer_object.h"
#include "dgram_object.h"
#include "errors.h"

namespace alkaid::python {
namespace {

using dgram::FieldView;
using dgram::ShapesData;

PyObject* Text(const std::string& text) {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogateescape");
}

PyObject* ShapeOf(const FieldView& field) {
  Ref shape(PyTuple_New(field.rank()));
  if (!shape) return nullptr;
  for (int i = 0; i < field.rank(); ++i) {
    PyObject* const dim = PyLong_FromLongLong(field.dim(i));
    if (dim == nullptr || PyTuple_SetItem(shape.get(), i, dim) != 0) return nullptr;
  }
  return shape.release();
}

PyObject* BytesOf(const FieldView& field, PyObject* origin) {
  const std::shared_ptr<Buffer>& buffer = OriginObject::Of(origin).origin->buffer;
  const Ref bytes(
      BufferObject::Make(SliceBuffer(buffer, field.data() - buffer->data(), field.nbytes())));
  return bytes ? PyMemoryView_FromObject(bytes.get()) : nullptr;
}

// Returns false after an error.
bool Add(const ShapesData& data, const FieldView& field, PyObject* origin, PyObject* list) {
  const dgram::Names& names = data.names();
  const Ref one(Py_BuildValue("(NINNsNN)", Text(names.detector()), names.segment(),
                              Text(names.algorithm().name), Text(field.name()),
                              dgram::DataTypeName(field.type()), ShapeOf(field),
                              BytesOf(field, origin)));
  return one && PyList_Append(list, one.get()) == 0;
}

}  // namespace

PyObject* FieldsOf(PyObject* dgram, PyObject* /*unused*/) try {
  const DgramState& state = DgramObject::Of(dgram);
  Ref list(PyList_New(0));
  if (!list) return nullptr;
  // The collector may run finalizers meanwhile, and another thread may compact the datagram.
  const Ref origin = Ref::Borrow(state.origin.get());
  const Status status =
      dgram::ForEachField(state.dgram, [&](const ShapesData& data, const FieldView& field) {
        return Add(data, field, origin.get(), list.get()) ? Status()
                                                          : Status(StatusCode::kCancelled, "");
      });
  if (PyErr_Occurred() != nullptr) return nullptr;
  return status.ok() ? list.release() : Raise(status);
} catch (...) {
  return RaiseCaught();
}

}  // namespace alkaid::python
