// Converts statuses to Python's exceptions.
//
//   kResourceExhausted  MemoryError          kDataLoss           alkaid.DataLossError
//   kInvalidArgument    ValueError           kNotFound           alkaid.NotFoundError
//   kOutOfRange         IndexError           kFailedPrecondition alkaid.FailedPreconditionError
//   kUnimplemented      NotImplementedError  kAlreadyExists      alkaid.AlreadyExistsError
//   kCancelled          alkaid.CancelledError  all others        OSError
//
// The alkaid classes are made by the Python module alkaid/_errors.py; until it is imported their
// base classes are used.
//
// Threads: with the GIL held.
#pragma once

#include "alkaid/base/status.h"
#include "stable_python.h"

namespace alkaid::python {

// Sets the exception for a status that is not OK. Returns null.
PyObject* Raise(const Status& status);
// The same for opening or reading a file, for which Python has classes of its own:
// FileNotFoundError, PermissionError, and OSError for kFailedPrecondition.
PyObject* RaiseOfFile(const Status& status);
// The same for a C++ exception, inside a catch: std::bad_alloc is a MemoryError.
PyObject* RaiseCaught();

// From alkaid/_errors.py: a dictionary of codes, as numbers, to classes.
bool SetErrorClasses(PyObject* classes);

}  // namespace alkaid::python
