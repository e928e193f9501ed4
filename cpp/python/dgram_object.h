// alkaid.Dgram, and the views that `d.hsd[0].raw.waveform` goes through.
//
// What holds what: array -> Buffer object of the batch -> Buffer; Dgram -> origin -> DgramOrigin and
// that Buffer object. Arrays never hold the Dgram, and a Dgram keeps none of its views, so nothing
// here is part of a cycle.
#pragma once

#include <memory>

#include "alkaid/dgram/batch.h"
#include "alkaid/dgram/dgram.h"
#include "stable_python.h"
#include "typed_object.h"

namespace alkaid::python {

// What the Dgrams of one batch share in Python: the Buffer object that is the base of all arrays of
// it, made when the first array is.
struct OriginState {
  std::shared_ptr<const dgram::DgramOrigin> origin;
  Ref buffer = {};
};
using OriginObject = Object<OriginState>;

struct DgramState {
  dgram::Dgram dgram;
  Ref origin;  // an OriginObject
};
using DgramObject = Object<DgramState>;

bool MakeDgramTypes(PyObject* module);

// A Dgram of the origin (borrowed), which must be the datagram's own. Null after an error.
inline PyObject* MakeDgram(const dgram::Dgram& dgram, PyObject* origin) {
  return DgramObject::Make(dgram, Ref::Borrow(origin));
}
// The same where no other Dgram of its origin is known.
PyObject* MakeDgram(const dgram::Dgram& dgram);

// The Buffer object that is the base of arrays in `origin`. Borrowed; null after an error.
PyObject* BaseOf(PyObject* origin);

}  // namespace alkaid::python
