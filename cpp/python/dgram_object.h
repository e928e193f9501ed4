// alkaid.Dgram, and the objects that `d.hsd[0].raw.waveform` goes through.
//
//   array --> Buffer object of the batch --> Buffer
//   Dgram --> origin --> DgramOrigin, and that Buffer object
//
// Arrays never hold the Dgram, and a Dgram keeps none of its views, so none of these is part of a
// cycle.
//
// While views are observed, each Dgram has an origin of its own, and each array a slice of its own
// bytes, so that a retention report can distinguish them.
//
// Threads: with the GIL held.
#pragma once

#include <memory>

#include "alkaid/dgram/batch.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/field_view.h"
#include "stable_python.h"
#include "typed_object.h"

namespace alkaid::python {

// What all Dgrams of one batch share in Python.
struct OriginState {
  std::shared_ptr<const dgram::DgramOrigin> origin;
  // The descriptor of the file that it was read from, if the program gave one; else -1.
  int file_descriptor = -1;
  // The Buffer object that is the base of all arrays; made with the first array.
  Ref buffer = {};
};
using OriginObject = Object<OriginState>;

struct DgramState {
  // Its reference to the DgramOrigin owns nothing unless views are observed: `origin` owns it. That
  // saves two atomic operations for each datagram. A copy that must outlive this is made by
  // KeptDgram.
  dgram::Dgram dgram;
  Ref origin;  // an OriginObject
  // Is destroyed with the last reference to `origin`, which has an Entry of its own.
  static constexpr bool kNeedsNoEntry = true;
};
using DgramObject = Object<DgramState>;

bool MakeDgramTypes(PyObject* module);

// A Dgram of `origin` (borrowed), which must be the datagram's own. Null after an error.
PyObject* MakeDgram(const dgram::Dgram& dgram, PyObject* origin);
// The same if no other Dgram of its origin is known.
PyObject* MakeDgram(const dgram::Dgram& dgram);

// The datagram of a Dgram object, as one that keeps its bytes alive.
inline dgram::Dgram KeptDgram(PyObject* self) {
  const DgramState& state = DgramObject::Of(self);
  return {OriginObject::Of(state.origin.get()).origin, state.dgram.data(), state.dgram.size(),
          state.dgram.index()};
}

// The Buffer object that is the base of an array over these bytes of `origin` (borrowed): one for
// all arrays of a batch, or a slice of these bytes while views are observed. Null after an error.
Ref BaseOf(PyObject* origin, const uint8_t* data, int64_t nbytes);

}  // namespace alkaid::python
