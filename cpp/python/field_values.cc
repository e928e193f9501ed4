#include "field_values.h"

#include "dgram_object.h"
#include "errors.h"
#include "numpy_arrays.h"

namespace alkaid::python {
namespace {

using dgram::DataType;
using dgram::LoadUnaligned;

PyObject* ScalarOf(const dgram::FieldView& field) {
  const uint8_t* const data = field.data();
  switch (field.type()) {
    case DataType::kUInt8:
    case DataType::kCharStr:
      return PyLong_FromLong(*data);
    case DataType::kUInt16:
      return PyLong_FromLong(LoadUnaligned<uint16_t>(data));
    case DataType::kUInt32:
      return PyLong_FromUnsignedLong(LoadUnaligned<uint32_t>(data));
    case DataType::kUInt64:
      return PyLong_FromUnsignedLongLong(LoadUnaligned<uint64_t>(data));
    case DataType::kInt8:
      return PyLong_FromLong(LoadUnaligned<int8_t>(data));
    case DataType::kInt16:
      return PyLong_FromLong(LoadUnaligned<int16_t>(data));
    case DataType::kInt32:
    case DataType::kEnumVal:
    case DataType::kEnumDict:
      return PyLong_FromLong(LoadUnaligned<int32_t>(data));
    case DataType::kInt64:
      return PyLong_FromLongLong(LoadUnaligned<int64_t>(data));
    case DataType::kFloat:
      return PyFloat_FromDouble(static_cast<double>(LoadUnaligned<float>(data)));
    case DataType::kDouble:
      return PyFloat_FromDouble(LoadUnaligned<double>(data));
  }
  return PyErr_Format(PyExc_SystemError, "a field of type %d", static_cast<int>(field.type()));
}

}  // namespace

PyObject* ValueOf(const dgram::FieldView& field, PyObject* origin) {
  if (field.rank() == 0) return ScalarOf(field);
  if (field.type() == DataType::kCharStr) {
    const auto text = field.String();
    if (!text.ok()) return Raise(text.status());
    return PyUnicode_DecodeUTF8(text->data(), static_cast<Py_ssize_t>(text->size()),
                                "surrogateescape");
  }
  Py_ssize_t shape[dgram::kMaxRank];
  for (int i = 0; i < field.rank(); ++i) shape[i] = field.dim(i);
  PyObject* const base = BaseOf(origin);
  if (base == nullptr) return nullptr;
  return MakeArray(field.data(), field.type(), field.rank(), shape, base);
}

}  // namespace alkaid::python
