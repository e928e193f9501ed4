#include "numpy_arrays.h"

#include "numpy_table.h"

namespace alkaid::python {
namespace {

// Indices in numpy's table of functions.
constexpr int kArrayType = 2;
constexpr int kNew = 93;
constexpr int kSetBaseObject = 282;

using NewArray = PyObject*(PyTypeObject* type, int rank, const Py_ssize_t* shape, int number,
                           const Py_ssize_t* strides, void* data, int itemsize, int flags,
                           PyObject* of);
using SetBaseObject = int(PyObject* array, PyObject* base);

// numpy's numbers of the types on this machine, and two of its flags.
constexpr int kTypeNumbers[dgram::kDataTypeCount] = {2, 4, 6, 8, 1, 3, 5, 7, 11, 12, 2, 5, 5};
constexpr int kCContiguous = 0x1;

}  // namespace

PyObject* MakeArray(const uint8_t* data, dgram::DataType type, int rank, const Py_ssize_t* shape,
                    PyObject* base) {
  void** const table = NumpyTable();
  if (table == nullptr) return nullptr;
  Ref array(reinterpret_cast<NewArray*>(table[kNew])(
      static_cast<PyTypeObject*>(table[kArrayType]), rank, shape,
      kTypeNumbers[static_cast<int>(type)], nullptr, const_cast<uint8_t*>(data), 0, kCContiguous,
      nullptr));
  if (!array ||
      reinterpret_cast<SetBaseObject*>(table[kSetBaseObject])(array.get(), Py_NewRef(base)) != 0) {
    return nullptr;
  }
  return array.release();
}

}  // namespace alkaid::python
