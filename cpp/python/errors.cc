#include "errors.h"

#include <cerrno>
#include <exception>
#include <string>

namespace alkaid::python {
namespace {

PyObject* classes = nullptr;

PyObject* Builtin(StatusCode code) {
  switch (code) {
    case StatusCode::kResourceExhausted:
      return PyExc_MemoryError;
    case StatusCode::kInvalidArgument:
    case StatusCode::kAlreadyExists:
    case StatusCode::kDataLoss:
      return PyExc_ValueError;
    case StatusCode::kOutOfRange:
      return PyExc_IndexError;
    case StatusCode::kUnimplemented:
      return PyExc_NotImplementedError;
    case StatusCode::kNotFound:
      return PyExc_LookupError;
    case StatusCode::kFailedPrecondition:
    case StatusCode::kCancelled:
      return PyExc_RuntimeError;
    default:
      return PyExc_OSError;
  }
}

}  // namespace

PyObject* Raise(const Status& status) {
  PyObject* type = Builtin(status.code());
  if (classes != nullptr) {
    const Ref code(PyLong_FromLong(static_cast<long>(status.code())));
    if (!code) return nullptr;
    PyObject* const own = PyDict_GetItemWithError(classes, code.get());
    if (own != nullptr) type = own;
    if (own == nullptr && PyErr_Occurred() != nullptr) return nullptr;
  }
  const absl::string_view text = status.message();
  const Ref message(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace"));
  if (message) PyErr_SetObject(type, message.get());
  return nullptr;
}

PyObject* RaiseOfFile(const Status& status) {
  const bool not_found = status.code() == StatusCode::kNotFound;
  const bool denied = status.code() == StatusCode::kPermissionDenied;
  if (!not_found && !denied && status.code() != StatusCode::kFailedPrecondition) {
    return Raise(status);
  }
  const absl::string_view text = status.message();
  const Ref message(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace"));
  // OSError becomes one of its subclasses by the number.
  const Ref arguments(!message ? nullptr
                      : not_found || denied
                          ? Py_BuildValue("(iO)", not_found ? ENOENT : EACCES, message.get())
                          : Py_BuildValue("(O)", message.get()));
  if (arguments) PyErr_SetObject(PyExc_OSError, arguments.get());
  return nullptr;
}

PyObject* RaiseCaught() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

bool SetErrorClasses(PyObject* given) {
  if (PyDict_Check(given) == 0) {
    PyErr_SetString(PyExc_TypeError, "the classes of errors come in a dictionary");
    return false;
  }
  const Ref old(classes);
  classes = Py_NewRef(given);
  return true;
}

}  // namespace alkaid::python
