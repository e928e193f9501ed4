#include "field_arguments.h"

#include <array>

namespace alkaid::python {
namespace {

using dgram::DataType;
using dgram::FieldValue;

template <typename T>
FieldValue Elements(const Py_buffer& view, std::span<const uint32_t> shape) {
  return FieldValue::Array<T>(
      {static_cast<const T*>(view.buf), static_cast<size_t>(view.len) / sizeof(T)}, shape);
}

FieldValue ElementsOf(DataType type, const Py_buffer& view, std::span<const uint32_t> shape) {
  switch (type) {
    case DataType::kUInt8:
    case DataType::kCharStr:
      break;
    case DataType::kUInt16:
      return Elements<uint16_t>(view, shape);
    case DataType::kUInt32:
      return Elements<uint32_t>(view, shape);
    case DataType::kUInt64:
      return Elements<uint64_t>(view, shape);
    case DataType::kInt8:
      return Elements<int8_t>(view, shape);
    case DataType::kInt16:
      return Elements<int16_t>(view, shape);
    case DataType::kInt32:
    case DataType::kEnumVal:
    case DataType::kEnumDict:
      return Elements<int32_t>(view, shape);
    case DataType::kInt64:
      return Elements<int64_t>(view, shape);
    case DataType::kFloat:
      return Elements<float>(view, shape);
    case DataType::kDouble:
      return Elements<double>(view, shape);
  }
  return Elements<uint8_t>(view, shape);
}

}  // namespace

int AsUInt32(PyObject* object, void* out) {
  const unsigned long value = PyLong_AsUnsignedLong(object);
  if (PyErr_Occurred() != nullptr) return 0;
  if (value > UINT32_MAX) {
    PyErr_Format(PyExc_OverflowError, "%lu is larger than 32 bits", value);
    return 0;
  }
  *static_cast<uint32_t*>(out) = static_cast<uint32_t>(value);
  return 1;
}

bool AsNumber(PyObject* object, std::optional<uint32_t>* out) {
  return object == Py_None || AsUInt32(object, &out->emplace()) != 0;
}

bool AsFields(PyObject* sequence, std::vector<dgram::Field>* out) {
  const Py_ssize_t count = PySequence_Size(sequence);
  if (count < 0) return false;
  for (Py_ssize_t i = 0; i < count; ++i) {
    const Ref item(PySequence_GetItem(sequence, i));
    const char* name = nullptr;
    int type = 0;
    int rank = 0;
    if (!item || PyArg_ParseTuple(item.get(), "sii", &name, &type, &rank) == 0) return false;
    if (type < 0 || type >= dgram::kDataTypeCount) {
      PyErr_Format(PyExc_ValueError, "field %s of type %d, the greatest is %d", name, type,
                   dgram::kDataTypeCount - 1);
      return false;
    }
    out->push_back({name, static_cast<DataType>(type), rank, {}});
  }
  return true;
}

FieldArguments::~FieldArguments() {
  for (Py_buffer& view : exports_) PyBuffer_Release(&view);
}

bool FieldArguments::Take(const dgram::Names& names, PyObject* sequence) {
  const Py_ssize_t count = PySequence_Size(sequence);
  if (count < 0) return false;
  if (static_cast<size_t>(count) != names.fields().size()) {
    PyErr_Format(PyExc_ValueError, "%zd values for the %zu fields of %s", count,
                 names.fields().size(), names.ToString().c_str());
    return false;
  }
  for (const dgram::Field& field : names.fields()) {
    const Ref value(PySequence_GetItem(sequence, static_cast<Py_ssize_t>(values_.size())));
    if (!value || !TakeOne(field, value.get())) return false;
  }
  return true;
}

bool FieldArguments::TakeText(PyObject* text) {
  Ref bytes(PyUnicode_AsEncodedString(text, "utf-8", "surrogateescape"));
  char* data = nullptr;
  Py_ssize_t size = 0;
  if (!bytes || PyBytes_AsStringAndSize(bytes.get(), &data, &size) != 0) return false;
  values_.push_back(FieldValue::String({data, static_cast<size_t>(size)}));
  texts_.push_back(std::move(bytes));
  return true;
}

bool FieldArguments::TakeOne(const dgram::Field& field, PyObject* value) {
  if (PyUnicode_Check(value) != 0) return TakeText(value);
  PyObject* bytes = nullptr;
  PyObject* dims = nullptr;
  if (PyArg_ParseTuple(value, "OO!", &bytes, &PyTuple_Type, &dims) == 0) return false;
  exports_.emplace_back();
  if (PyObject_GetBuffer(bytes, &exports_.back(), PyBUF_SIMPLE) != 0) {
    exports_.pop_back();
    return false;
  }
  const Py_ssize_t rank = PyTuple_Size(dims);
  if (rank > dgram::kMaxRank) {
    PyErr_Format(PyExc_ValueError, "%s: rank %zd, the greatest is %d", field.name.c_str(), rank,
                 dgram::kMaxRank);
    return false;
  }
  std::array<uint32_t, dgram::kMaxRank> shape = {};
  for (Py_ssize_t i = 0; i < rank; ++i) {
    const unsigned long dim = PyLong_AsUnsignedLong(PyTuple_GetItem(dims, i));
    if (PyErr_Occurred() != nullptr) return false;
    if (dim > UINT32_MAX) {
      PyErr_Format(PyExc_ValueError, "%s: a dimension of %lu elements", field.name.c_str(), dim);
      return false;
    }
    shape[static_cast<size_t>(i)] = static_cast<uint32_t>(dim);
  }
  values_.push_back(
      ElementsOf(field.type, exports_.back(), {shape.data(), static_cast<size_t>(rank)}));
  return true;
}

}  // namespace alkaid::python
