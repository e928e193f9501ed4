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

// The position of an iteration in a batch.
struct DgramPlace {
  dgram::DgramIterator at = {};
  Ref origin = {};
};

bool MakeBatchTypes(PyObject* module);

// A Batch, or null after an error.
PyObject* MakeBatch(dgram::DgramBatch batch);

// The next Dgram at `place`. Null without an error at the end; `place` then releases the batch.
PyObject* NextDgram(DgramPlace* place);

}  // namespace alkaid::python
