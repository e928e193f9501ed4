// Statuses as Python's exceptions.
//
//   kResourceExhausted  MemoryError          kDataLoss           alkaid.DataLossError
//   kInvalidArgument    ValueError           kNotFound           alkaid.NotFoundError
//   kOutOfRange         IndexError           kFailedPrecondition alkaid.FailedPreconditionError
//   kUnimplemented      NotImplementedError  kAlreadyExists      alkaid.AlreadyExistsError
//   kCancelled          alkaid.CancelledError  all others        OSError
//
// The classes of alkaid are made by its module of Python (alkaid/_errors.py); until that is there
// they are what they derive from.
//
// Threads: with the GIL held.
#pragma once

#include "alkaid/base/status.h"
#include "stable_python.h"

namespace alkaid::python {

// Sets the exception of a status that is not OK. Null, to be returned.
PyObject* Raise(const Status& status);
// The same of opening or reading a file, where Python has classes of its own: FileNotFoundError,
// PermissionError, and OSError for kFailedPrecondition.
PyObject* RaiseOfFile(const Status& status);
// The same for what C++ threw, inside a catch: std::bad_alloc is a MemoryError.
PyObject* RaiseCaught();

// From alkaid/_errors.py: a dictionary of codes, as numbers, to classes.
bool SetErrorClasses(PyObject* classes);

}  // namespace alkaid::python
