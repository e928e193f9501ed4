#include "reader_object.h"

#include <iterator>
#include <memory>
#include <optional>

#include "alkaid/dgram/batch_reader.h"
#include "dgram_object.h"
#include "errors.h"
#include "owners.h"
#include "typed_object.h"

namespace alkaid::python {
namespace {

struct ReaderState {
  std::unique_ptr<dgram::BatchReader> reader;
  // Where iteration stands.
  dgram::DgramIterator at = {};
  Ref origin = {};
  // Whether a thread is reading, without the GIL.
  bool busy = false;
};
using ReaderObject = Object<ReaderState>;

// Goes to the next batch: false at the end, or after an error.
bool NextBatch(ReaderState& state) {
  if (state.busy) {
    PyErr_SetString(PyExc_RuntimeError, "another thread reads from this BatchReader");
    return false;
  }
  state.busy = true;
  std::optional<Result<dgram::DgramBatch>> batch;
  {
    const WithoutGil free;
    batch.emplace(state.reader->Next());
  }
  state.busy = false;
  if (!batch->ok()) {
    Raise(batch->status());
    return false;
  }
  if ((*batch)->empty()) return false;
  state.origin = Ref(OriginObject::Make((*batch)->origin()));
  state.at = (*batch)->begin();
  return static_cast<bool>(state.origin);
}

PyObject* Next(PyObject* self) try {
  const Entry entry;
  ReaderState& state = ReaderObject::Of(self);
  if (!state.origin || state.at == std::default_sentinel) {
    state.at = {};
    state.origin = Ref();
    if (!NextBatch(state)) return nullptr;
  }
  PyObject* const dgram = MakeDgram(*state.at, state.origin.get());
  if (dgram != nullptr) ++state.at;
  return dgram;
} catch (...) {
  return RaiseCaught();
}

PyObject* New(PyTypeObject* /*type*/, PyObject* arguments, PyObject* keywords) try {
  const Entry entry;
  PyObject* path = nullptr;
  long long batch_bytes = dgram::BatchReaderOptions().batch_bytes;
  static const char* const kNames[] = {"path", "batch_bytes", nullptr};
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "O&|$L", const_cast<char**>(kNames),
                                  &PyUnicode_FSConverter, &path, &batch_bytes) == 0) {
    return nullptr;
  }
  const Ref held(path);
  dgram::BatchReaderOptions options;
  options.batch_bytes = batch_bytes;
  const std::string name = PyBytes_AsString(path);
  std::optional<Result<std::unique_ptr<dgram::BatchReader>>> reader;
  {
    const WithoutGil free;
    reader.emplace(dgram::BatchReader::Open(name, options));
  }
  if (!reader->ok()) return Raise(reader->status());
  return ReaderObject::Make(**std::move(reader));
} catch (...) {
  return RaiseCaught();
}

}  // namespace

bool MakeReaderTypes(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_doc,
       const_cast<char*>("BatchReader(path, *, batch_bytes=4194304)\n\nThe datagrams of a "
                         "file in order, of which each batch is read at once.")},
      {Py_tp_new, Slot(&New)},
      {Py_tp_iter, Slot(&PyObject_SelfIter)},
      {Py_tp_iternext, Slot(&Next)},
      {0, nullptr},
  };
  return ReaderObject::MakeType(module, "alkaid.BatchReader", slots);
}

}  // namespace alkaid::python
