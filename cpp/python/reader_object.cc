#include "reader_object.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "alkaid/core/files/file_input_stream.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/dgram/batch_reader.h"
#include "batch_object.h"
#include "buffer_object.h"
#include "configuration_object.h"
#include "dgram_object.h"
#include "errors.h"
#include "live_waiting.h"
#include "owners.h"
#include "pool_object.h"
#include "reader_options.h"
#include "typed_object.h"

namespace alkaid::python {
namespace {

using dgram::BatchReader;
using dgram::BatchReaderOptions;
using dgram::DgramBatch;
using OpenedReader = Result<std::unique_ptr<BatchReader>>;

struct ReaderState {
  std::unique_ptr<BatchReader> reader;
  std::unique_ptr<Skips> skips;  // the reader points to it
  LiveWaiting live;
  DgramPlace place = {};
  // Was read but not returned yet, because on_skip or a signal handler raised.
  std::optional<DgramBatch> waiting = {};
  // Whether a thread is reading, without the GIL.
  bool busy = false;
  // Whether on_skip is being called, during which no further read is allowed.
  bool telling = false;

  int Traverse(visitproc visit, void* arg) const { return skips->Traverse(visit, arg); }
  void Clear() { skips->Clear(); }
};
using ReaderObject = Object<ReaderState>;

// The iterator of batches: reads the same stream as the BatchReader that it holds.
struct BatchesState {
  Ref reader;

  int Traverse(visitproc visit, void* arg) const {
    Py_VISIT(reader.get());
    return 0;
  }
  // The reader's own Clear is enough to break a cycle.
  void Clear() {}
};
using BatchesObject = Object<BatchesState>;

BatchReader* ReaderOf(ReaderState& state) {
  if (state.busy) {
    PyErr_SetString(PyExc_RuntimeError, "another thread reads from this BatchReader");
    return nullptr;
  }
  if (state.reader == nullptr) {
    PyErr_SetString(PyExc_ValueError, "the BatchReader is closed");
    return nullptr;
  }
  return state.reader.get();
}

// The same, to read further or to close it.
BatchReader* ReaderToChange(ReaderState& state) {
  if (!state.telling) return ReaderOf(state);
  PyErr_SetString(PyExc_RuntimeError, "this BatchReader is calling its on_skip");
  return nullptr;
}

// Calls on_skip for what was left out. Returns false after an error.
bool Tell(ReaderState& state) {
  const Flag telling(&state.telling);
  return state.skips->Tell();
}

// The next batch. No value at the end, and after an error.
std::optional<DgramBatch> ReadBatch(ReaderState& state) {
  BatchReader* const reader = ReaderToChange(state);
  if (reader == nullptr) return std::nullopt;
  if (!state.waiting.has_value()) {
    std::optional<Result<DgramBatch>> batch;
    {
      const Flag busy(&state.busy);
      const WithoutGil free;
      batch.emplace(reader->Next());
    }
    if (batch->ok() && !(*batch)->empty()) state.waiting = std::move(**batch);
    if (PyErr_Occurred() != nullptr) return std::nullopt;  // from a signal
    // First report what was left out before a fault.
    if (!state.waiting.has_value()) {
      if (Tell(state) && !batch->ok()) Raise(batch->status());
      return std::nullopt;
    }
  }
  if (!Tell(state)) return std::nullopt;
  return std::exchange(state.waiting, std::nullopt);
}

PyObject* Next(PyObject* self) try {
  ReaderState& state = ReaderObject::Of(self);
  while (true) {
    PyObject* const dgram = NextDgram(&state.place);
    if (dgram != nullptr || PyErr_Occurred() != nullptr) return dgram;
    const Entry entry;
    auto batch = ReadBatch(state);
    if (!batch.has_value()) return nullptr;
    state.place.origin = Ref(OriginObject::Make(batch->origin()));
    state.place.at = batch->begin();
    if (!state.place.origin) return nullptr;
  }
} catch (...) {
  return RaiseCaught();
}

PyObject* NextBatch(PyObject* self) try {
  const Entry entry;
  ReaderState& state = ReaderObject::Of(BatchesObject::Of(self).reader.get());
  auto batch = ReadBatch(state);
  if (!batch.has_value()) return nullptr;
  return MakeBatch(*std::move(batch));
} catch (...) {
  return RaiseCaught();
}

PyObject* Batches(PyObject* self, PyObject* /*unused*/) {
  return BatchesObject::Make(Ref::Borrow(self));
}

// --- Opening ---

// The caller's descriptor stays open.
OpenedReader OpenDescriptor(int file_descriptor, BatchReaderOptions options) {
  if (options.name.empty()) options.name = "file descriptor " + std::to_string(file_descriptor);
  struct stat about = {};
  const int own =
      ::fstat(file_descriptor, &about) == 0 ? ::fcntl(file_descriptor, F_DUPFD_CLOEXEC, 0) : -1;
  if (own < 0) return alkaid::internal::MakeErrnoStatus(errno, {"opening ", options.name});
  if (S_ISREG(about.st_mode)) {
    auto file = io::ReadableFile::Open(own);
    if (file.ok()) return BatchReader::Open(*std::move(file), std::move(options));
    ::close(own);
    return file.status();
  }
  auto stream = io::FileInputStream::OpenFd(own);
  if (stream.ok()) return BatchReader::OpenStream(*std::move(stream), std::move(options));
  ::close(own);
  return stream.status();
}

PyObject* Opened(std::optional<OpenedReader> reader, std::unique_ptr<Skips> skips,
                 LiveWaiting live) {
  if (!reader.has_value()) return nullptr;
  if (PyErr_Occurred() != nullptr) return nullptr;
  if (!reader->ok()) return RaiseOfFile(reader->status());
  return ReaderObject::Make(**std::move(reader), std::move(skips), std::move(live));
}

// Opens `source`: a path, a descriptor, or bytes. No value after an error.
std::optional<OpenedReader> OpenSource(PyObject* source, BatchReaderOptions options) {
  std::optional<OpenedReader> reader;
  if (PyLong_Check(source) != 0) {
    const long file_descriptor = PyLong_AsLong(source);
    if (PyErr_Occurred() != nullptr) return std::nullopt;
    if (file_descriptor != static_cast<int>(file_descriptor)) {
      PyErr_Format(PyExc_OverflowError, "%ld is not a file descriptor", file_descriptor);
      return std::nullopt;
    }
    const WithoutGil free;
    reader.emplace(OpenDescriptor(static_cast<int>(file_descriptor), std::move(options)));
    return reader;
  }
  if (PyObject_CheckBuffer(source) != 0) {
    std::shared_ptr<Buffer> buffer = BufferOf(source);
    if (buffer == nullptr) return std::nullopt;
    reader.emplace(BatchReader::Open(std::move(buffer), std::move(options)));
    return reader;
  }
  PyObject* path = nullptr;
  if (PyUnicode_FSConverter(source, &path) == 0) return std::nullopt;
  const Ref held(path);
  const std::string name = PyBytes_AsString(path);
  const WithoutGil free;
  reader.emplace(BatchReader::Open(name, std::move(options)));
  return reader;
}

PyObject* New(PyTypeObject* /*type*/, PyObject* arguments, PyObject* keywords) try {
  const Entry entry;
  BatchReaderOptions options;
  auto skips = std::make_unique<Skips>();
  LiveWaiting live;
  PyObject* source = nullptr;
  PyObject* end = Py_None;
  PyObject* config = Py_None;
  PyObject* on_fault = Py_None;
  PyObject* on_skip = Py_None;
  PyObject* waiting = Py_None;
  PyObject* pool = Py_None;
  const char* name = "";
  long long batch_bytes = options.batch_bytes;
  long long begin = 0;
  long long most = options.max_dgram_bytes;
  static const char* const kNames[] = {"source",      "batch_bytes",     "begin",   "end",
                                       "config",      "on_fault",        "on_skip", "live",
                                       "memory_pool", "max_dgram_bytes", "name",    nullptr};
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "O|$LLOOOOOOLs", const_cast<char**>(kNames),
                                  &source, &batch_bytes, &begin, &end, &config, &on_fault, &on_skip,
                                  &waiting, &pool, &most, &name) == 0) {
    return nullptr;
  }
  options.batch_bytes = batch_bytes;
  options.begin = begin;
  options.max_dgram_bytes = most;
  options.name = name;
  if (end != Py_None) {
    options.end = PyLong_AsLongLong(end);
    if (PyErr_Occurred() != nullptr) return nullptr;
  }
  if (pool != Py_None) {
    std::shared_ptr<MemoryPool> of = PoolOf(pool);
    if (of == nullptr) return nullptr;
    options.pool = std::move(of);
  }
  if ((config != Py_None && !AsConfiguration(config, &options.configuration)) ||
      !AsOnFault(on_fault, &options.on_fault) || !skips->Set(on_skip) || !live.Set(waiting)) {
    return nullptr;
  }
  options.on_skip = skips->Collect();
  options.live = live.watch();
  return Opened(OpenSource(source, std::move(options)), std::move(skips), std::move(live));
} catch (...) {
  return RaiseCaught();
}

// --- What it says of itself ---

PyObject* Stop(PyObject* self, PyObject* /*unused*/) {
  ReaderObject::Of(self).live.Stop();
  Py_RETURN_NONE;
}

PyObject* Close(PyObject* self, PyObject* /*unused*/) {
  const Entry entry;
  ReaderState& state = ReaderObject::Of(self);
  if (state.busy || state.telling) return ReaderToChange(state), nullptr;
  state.place = {};
  state.waiting.reset();
  state.reader.reset();
  Py_RETURN_NONE;
}
PyObject* Enter(PyObject* self, PyObject* /*unused*/) { return Py_NewRef(self); }
PyObject* Exit(PyObject* self, PyObject* /*arguments*/) { return Close(self, nullptr); }

template <typename Ask>
PyObject* Answer(PyObject* self, const Ask& ask) {
  BatchReader* const reader = ReaderOf(ReaderObject::Of(self));
  return reader != nullptr ? ask(*reader) : nullptr;
}
PyObject* Position(PyObject* self, void* /*unused*/) {
  return Answer(self, [](BatchReader& reader) { return PyLong_FromLongLong(reader.position()); });
}
PyObject* End(PyObject* self, void* /*unused*/) {
  return Answer(self, [](BatchReader& reader) { return PyLong_FromLongLong(reader.end()); });
}
PyObject* LiveEndOf(PyObject* self, void* /*unused*/) {
  return Answer(self, [](BatchReader& reader) {
    return PyUnicode_FromString(io::ToString(reader.live_end()));
  });
}
PyObject* ConfigurationOf(PyObject* self, void* /*unused*/) {
  return Answer(self, [](BatchReader& reader) {
    if (reader.configuration() == nullptr) return Py_NewRef(Py_None);
    return ConfigurationObject::Make(reader.configuration());
  });
}

PyMethodDef methods[] = {
    {"batches", &Batches, METH_NOARGS,
     "batches($self)\n--\n\nAn iterator over the rest of the source, as Batches: each is one "
     "read."},
    {"stop", &Stop, METH_NOARGS,
     "stop($self)\n--\n\nEnds the wait for a file that is still being written; from any thread."},
    {"close", &Close, METH_NOARGS, "close($self)\n--\n\nCloses the file. What was read stays."},
    {"__enter__", &Enter, METH_NOARGS, nullptr},
    {"__exit__", &Exit, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef properties[] = {
    {"position", &Position, nullptr, "Bytes of the source before the next batch.", nullptr},
    {"end", &End, nullptr, "Bytes of the source; -1 if not known yet.", nullptr},
    {"live_end", &LiveEndOf, nullptr,
     "Why reading of a file that was being written ended: 'none', 'EndRun', 'silence', "
     "'stopped'.",
     nullptr},
    {"configuration", &ConfigurationOf, nullptr, "The latest Configuration that was read, or None.",
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

bool MakeReaderTypes(PyObject* module) {
  PyType_Slot reader[] = {
      {Py_tp_doc,
       const_cast<char*>(
           "BatchReader(source, *, batch_bytes=4194304, begin=0, end=None, config=None, "
           "on_fault='stop', on_skip=None, live=None, memory_pool=None, "
           "max_dgram_bytes=268435456, name='')\n--\n\n"
           "The datagrams of a source in order; each batch of them is one read into one block.\n\n"
           "source is a path, a file descriptor, which stays open, or bytes that an object "
           "exports,\n"
           "which are not copied. begin and end are a range of bytes; batch_bytes is the size of\n"
           "one read. config declares the fields until a Configure is read. on_fault says what to\n"
           "do about malformed data: 'stop', 'skip-datagram' or 'resync'. on_skip is called with\n"
           "a Skipped for what is left out; if it raises, the reader raises that, and continues\n"
           "after it when called again. live=True waits for a file that is still being written,\n"
           "live=SECONDS until nothing was written for that long; Ctrl-C and stop() end the wait."
           "\n\n"
           "Iterates over Dgrams, and batches() over Batches. DataLossError for malformed data,\n"
           "after everything before it, and again at each later call. The GIL is released during\n"
           "a read. For one thread at a time: another gets a RuntimeError while one reads.")},
      {Py_tp_new, Slot(&New)},
      {Py_tp_iter, Slot(&PyObject_SelfIter)},
      {Py_tp_iternext, Slot(&Next)},
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {0, nullptr},
  };
  PyType_Slot batches[] = {
      {Py_tp_iter, Slot(&PyObject_SelfIter)},
      {Py_tp_iternext, Slot(&NextBatch)},
      {0, nullptr},
  };
  return MakeBatchTypes(module) && ReaderObject::MakeType(module, "alkaid.BatchReader", reader) &&
         BatchesObject::MakeType(module, "alkaid._Batches", batches);
}

}  // namespace alkaid::python
