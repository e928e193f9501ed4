// Converts Python values of fields for a datagram.
//
// Threads: with the GIL held.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "alkaid/dgram/field_value.h"
#include "alkaid/dgram/names.h"
#include "stable_python.h"

namespace alkaid::python {

// For "O&" of PyArg_ParseTuple: a uint32_t with a range check, unlike "I", which takes the lower
// bits of any number.
int AsUInt32(PyObject* object, void* out);
// None, or a number. False after an error.
bool AsNumber(PyObject* object, std::optional<uint32_t>* out);
// A sequence of (name, number of the type, rank).
bool AsFields(PyObject* sequence, std::vector<dgram::Field>* out);

// The values of all fields of one declaration, in its order. Text is a str. Any other value is a
// pair of bytes and shape, where the bytes are elements of the declared type in C order. Borrows
// the bytes, which stay exported.
class FieldArguments {
 public:
  FieldArguments() = default;
  ~FieldArguments();
  FieldArguments(const FieldArguments&) = delete;
  FieldArguments& operator=(const FieldArguments&) = delete;

  // Returns false after an error.
  bool Take(const dgram::Names& names, PyObject* sequence);
  std::span<const dgram::FieldValue> values() const { return values_; }

 private:
  bool TakeOne(const dgram::Field& field, PyObject* value);
  bool TakeText(PyObject* text);

  std::vector<dgram::FieldValue> values_;
  std::deque<Py_buffer> exports_;
  std::vector<Ref> texts_;
};

}  // namespace alkaid::python
