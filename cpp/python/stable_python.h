// Python's C API, limited to its stable ABI: one binary for CPython 3.11 and later.
//
// Include it instead of Python.h, and before everything else.
#pragma once

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030b0000
#endif
#include <Python.h>

#include <utility>

namespace alkaid::python {

// One owned reference, or none.
//
// Threads: only with the GIL held, the destructor too.
class Ref {
 public:
  Ref() = default;
  // Takes over a new reference, as most of Python's functions return it; null after an error.
  explicit Ref(PyObject* stolen) : object_(stolen) {}
  static Ref Borrow(PyObject* object) { return Ref(Py_XNewRef(object)); }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    // The old one is dropped last: its destructor may run Python.
    Ref old(std::exchange(object_, std::exchange(other.object_, nullptr)));
    return *this;
  }
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  ~Ref() { Py_XDECREF(object_); }

  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  PyObject* object_ = nullptr;
};

}  // namespace alkaid::python
