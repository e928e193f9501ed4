// alkaid.Batch: datagrams that were read together, and their iterator.
//
// Threads: with the GIL held.
#pragma once

#include "alkaid/dgram/batch.h"
#include "stable_python.h"
#include "typed_object.h"

namespace alkaid::python {

struct BatchState {
  dgram::DgramBatch batch;
  Ref origin;  // an OriginObject of the batch
};
using BatchObject = Object<BatchState>;

// Where iteration stands in a batch.
struct DgramPlace {
  dgram::DgramIterator at = {};
  Ref origin = {};
};

bool MakeBatchTypes(PyObject* module);

// A Batch, or null after an error.
PyObject* MakeBatch(dgram::DgramBatch batch);

// The next Dgram there. Null without an error at the end, where `place` lets the batch go.
PyObject* NextDgram(DgramPlace* place);

}  // namespace alkaid::python
