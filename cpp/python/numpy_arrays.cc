#include "numpy_arrays.h"

namespace alkaid::python {
namespace {

// Places in numpy's table of functions.
constexpr int kArrayType = 2;
constexpr int kNew = 93;
constexpr int kSetBaseObject = 282;

using NewArray = PyObject*(PyTypeObject* type, int rank, const Py_ssize_t* shape, int number,
                           const Py_ssize_t* strides, void* data, int itemsize, int flags,
                           PyObject* of);
using SetBaseObject = int(PyObject* array, PyObject* base);

// numpy's numbers of the types of one machine, and two of its flags.
constexpr int kTypeNumbers[dgram::kDataTypeCount] = {2, 4, 6, 8, 1, 3, 5, 7, 11, 12, 2, 5, 5};
constexpr int kCContiguous = 0x1;

void** table = nullptr;

bool ImportNumpy() {
  if (table != nullptr) return true;
  Ref module(PyImport_ImportModule("numpy._core._multiarray_umath"));
  if (!module && PyErr_ExceptionMatches(PyExc_ModuleNotFoundError) != 0) {
    PyErr_Clear();
    module = Ref(PyImport_ImportModule("numpy.core._multiarray_umath"));
  }
  if (!module) return false;
  const Ref capsule(PyObject_GetAttrString(module.get(), "_ARRAY_API"));
  if (!capsule) return false;
  table = static_cast<void**>(PyCapsule_GetPointer(capsule.get(), nullptr));
  return table != nullptr;
}

template <typename Function>
Function* Entry(int place) {
  return reinterpret_cast<Function*>(table[place]);
}

}  // namespace

PyObject* MakeArray(const uint8_t* data, dgram::DataType type, int rank, const Py_ssize_t* shape,
                    PyObject* base) {
  if (!ImportNumpy()) return nullptr;
  Ref array(Entry<NewArray>(kNew)(static_cast<PyTypeObject*>(table[kArrayType]), rank, shape,
                                  kTypeNumbers[static_cast<int>(type)], nullptr,
                                  const_cast<uint8_t*>(data), 0, kCContiguous, nullptr));
  if (!array || Entry<SetBaseObject>(kSetBaseObject)(array.get(), Py_NewRef(base)) != 0) {
    return nullptr;
  }
  return array.release();
}

}  // namespace alkaid::python
