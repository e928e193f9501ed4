#include "field_values.h"

#include "dgram_object.h"
#include "errors.h"
#include "numpy_arrays.h"
#include "python_parts.h"

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

// The value, with the labels of its enumeration.
PyObject* EnumerationOf(const dgram::ShapesData& data, const dgram::FieldView& field) {
  static PyObject* type = nullptr;
  if (type == nullptr) type = PythonPart("_enumeration", "Enumeration").release();
  const Ref labels(type != nullptr ? PyDict_New() : nullptr);
  if (!labels) return nullptr;
  const auto& fields = data.names().fields();
  for (size_t i = 0; i < fields.size(); ++i) {
    const bool label = fields[i].type == DataType::kEnumDict && fields[i].rank == 0 &&
                       fields[i].enum_type() == field.field().enum_type();
    if (!label) continue;
    const auto number = data.field(static_cast<int>(i));
    if (!number.ok()) return Raise(number.status());
    const std::string_view name = fields[i].base_name();
    const Ref key(ScalarOf(*number));
    const Ref text(
        PyUnicode_DecodeUTF8(name.data(), static_cast<Py_ssize_t>(name.size()), "surrogateescape"));
    if (!key || !text || PyDict_SetItem(labels.get(), key.get(), text.get()) != 0) return nullptr;
  }
  const Ref value(ScalarOf(field));
  return value ? PyObject_CallFunctionObjArgs(type, value.get(), labels.get(), nullptr) : nullptr;
}

}  // namespace

PyObject* ValueOf(const dgram::ShapesData& data, int index, PyObject* origin) {
  // The import runs Python, during which another thread may compact the datagram.
  const Ref keep = Ref::Borrow(origin);
  const auto found = data.field(index);
  if (!found.ok()) return Raise(found.status());
  const dgram::FieldView& field = *found;
  if (field.rank() == 0) {
    return field.type() == DataType::kEnumVal ? EnumerationOf(data, field) : ScalarOf(field);
  }
  if (field.type() == DataType::kCharStr) {
    const auto text = field.String();
    if (!text.ok()) return Raise(text.status());
    return PyUnicode_DecodeUTF8(text->data(), static_cast<Py_ssize_t>(text->size()),
                                "surrogateescape");
  }
  Py_ssize_t shape[dgram::kMaxRank];
  for (int i = 0; i < field.rank(); ++i) shape[i] = field.dim(i);
  const Ref base = BaseOf(origin, field.data(), field.nbytes());
  if (!base) return nullptr;
  return MakeArray(field.data(), field.type(), field.rank(), shape, base.get());
}

}  // namespace alkaid::python
