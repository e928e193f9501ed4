#include "event_reader_object.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/events/big_data_reader.h"
#include "alkaid/events/event_builder.h"
#include "alkaid/events/smd_reader.h"
#include "configuration_object.h"
#include "dgram_object.h"
#include "errors.h"
#include "live_waiting.h"
#include "owners.h"
#include "reader_options.h"
#include "typed_object.h"

namespace alkaid::python {
namespace {

using dgram::Configuration;
using dgram::Dgram;
using events::BigDataEvent;
using events::BigDataReader;

struct EventReaderState {
  std::unique_ptr<Skips> skips;  // the readers point to it
  LiveWaiting live;
  std::shared_ptr<events::SmdReader> small;
  std::unique_ptr<BigDataReader> reader;
  // Its datagrams stay valid until the next event is read.
  std::unique_ptr<BigDataEvent> event = std::make_unique<BigDataEvent>();
  // For each stream, the OriginObject of its latest datagram, which others of its block share.
  std::vector<Ref> origins = {};
  // A tuple of each stream's Configuration objects, and the same in C++.
  Ref configurations = {};
  std::vector<std::shared_ptr<const Configuration>> declared = {};
  // Whether `event` was read but not returned yet, because on_skip or a signal handler raised.
  bool waiting = false;
  // Whether a thread is reading, without the GIL.
  bool busy = false;
  // Whether on_skip is being called, during which no further read is allowed.
  bool telling = false;

  int Traverse(visitproc visit, void* arg) const { return skips->Traverse(visit, arg); }
  void Clear() { skips->Clear(); }
};
using EventReaderObject = Object<EventReaderState>;

bool CheckFree(const EventReaderState& state) {
  if (state.busy) PyErr_SetString(PyExc_RuntimeError, "another thread reads from these events");
  return !state.busy;
}

// --- Opening ---

struct EventReaderOptions {
  std::vector<std::string> small;
  std::vector<std::string> big;  // empty: the datagrams of small data are returned as they are
  events::SmdReaderOptions reading;
  events::EventBuilderOptions building;
  events::BigDataReaderOptions big_reading;
};
struct Opened {
  std::shared_ptr<events::SmdReader> small;
  std::unique_ptr<BigDataReader> reader;
};

Result<Opened> Open(EventReaderOptions options) {
  Opened opened;
  ALKAID_ASSIGN_OR_RAISE(opened.small, events::SmdReader::Open(options.small, options.reading));
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<events::EventBuilder> builder,
                         events::EventBuilder::Make(opened.small, std::move(options.building)));
  if (options.big.empty()) {
    options.big.resize(options.small.size());
    options.big_reading.use_small_data.assign(options.small.size(), true);
  }
  ALKAID_ASSIGN_OR_RAISE(opened.reader, BigDataReader::Open(options.big, std::move(builder),
                                                            std::move(options.big_reading)));
  return opened;
}

bool AsPaths(PyObject* sequence, std::vector<std::string>* out) {
  const Py_ssize_t count = PySequence_Size(sequence);
  if (count < 0) return false;
  for (Py_ssize_t i = 0; i < count; ++i) {
    const Ref item(PySequence_GetItem(sequence, i));
    PyObject* path = nullptr;
    if (!item || PyUnicode_FSConverter(item.get(), &path) == 0) return false;
    const Ref held(path);
    out->emplace_back(PyBytes_AsString(path));
  }
  return true;
}

bool AsTimestamps(PyObject* sequence, std::optional<std::vector<dgram::Timestamp>>* out) {
  if (sequence == Py_None) return true;
  const Py_ssize_t count = PySequence_Size(sequence);
  if (count < 0) return false;
  out->emplace();
  for (Py_ssize_t i = 0; i < count; ++i) {
    const Ref item(PySequence_GetItem(sequence, i));
    const unsigned long long value = item ? PyLong_AsUnsignedLongLong(item.get()) : 0;
    if (PyErr_Occurred() != nullptr) return false;
    (*out)->emplace_back(value);
  }
  return true;
}

// _EventReader(small, big, batch_size, timestamps, live, on_fault, on_skip, max_dgram_bytes)
PyObject* New(PyTypeObject* /*type*/, PyObject* arguments, PyObject* /*keywords*/) try {
  const Entry entry;
  PyObject* small = nullptr;
  PyObject* big = nullptr;
  long long batch_size = 0;
  PyObject* timestamps = nullptr;
  PyObject* waiting = nullptr;
  PyObject* on_fault = nullptr;
  PyObject* on_skip = nullptr;
  long long most = 0;
  if (PyArg_ParseTuple(arguments, "OOLOOOOL", &small, &big, &batch_size, &timestamps, &waiting,
                       &on_fault, &on_skip, &most) == 0) {
    return nullptr;
  }
  EventReaderOptions options;
  auto skips = std::make_unique<Skips>();
  LiveWaiting live;
  dgram::OnFault policy = dgram::OnFault::kStop;
  if (!AsPaths(small, &options.small) || !AsPaths(big, &options.big) ||
      !AsTimestamps(timestamps, &options.building.filter_timestamps) || !live.Set(waiting) ||
      !AsOnFault(on_fault, &policy) || !skips->Set(on_skip)) {
    return nullptr;
  }
  options.reading.batch_size = batch_size;
  options.building.batch_size = batch_size;
  options.reading.max_dgram_bytes = options.big_reading.max_dgram_bytes = most;
  options.reading.live = options.big_reading.live = live.watch();
  options.reading.on_fault = options.building.on_fault = options.big_reading.on_fault = policy;
  options.reading.on_skip = skips->Collect();
  options.building.on_skip = skips->Collect();
  options.big_reading.on_skip = skips->Collect();
  std::optional<Result<Opened>> opened;
  {
    const WithoutGil free;
    opened.emplace(Open(std::move(options)));
  }
  if (PyErr_Occurred() != nullptr) return nullptr;  // from a signal
  if (!opened->ok()) return RaiseOfFile(opened->status());
  const auto streams = static_cast<size_t>((**opened).small->stream_count());
  PyObject* const self = EventReaderObject::Make(
      std::move(skips), std::move(live), std::move((**opened).small), std::move((**opened).reader));
  if (self != nullptr) EventReaderObject::Of(self).origins.resize(streams);
  return self;
} catch (...) {
  return RaiseCaught();
}

// --- Reading ---

PyObject* MakeStreamDgram(const Dgram& dgram, Ref* origin) {
  if (alkaid::internal::ViewEventsOn()) [[unlikely]]
    return MakeDgram(dgram);
  if (!*origin || OriginObject::Of(origin->get()).origin != dgram.origin()) {
    *origin = Ref(OriginObject::Make(dgram.origin()));
    if (!*origin) return nullptr;
  }
  return MakeDgram(dgram, origin->get());
}

PyObject* MakeDgrams(EventReaderState& state) {
  const int count = state.event->stream_count();
  Ref list(PyList_New(count));
  for (int i = 0; list && i < count; ++i) {
    PyObject* const dgram =
        state.event->has(i)
            ? MakeStreamDgram(state.event->dgram(i), &state.origins[static_cast<size_t>(i)])
            : Py_NewRef(Py_None);
    if (dgram == nullptr || PyList_SetItem(list.get(), i, dgram) != 0) return nullptr;
  }
  return list.release();
}

// Makes `configurations` those of the event; keeps the same object if they have not changed.
bool UpdateConfigurations(EventReaderState& state) {
  const events::Event& small = state.event->small_data();
  const int count = state.event->stream_count();
  bool same = static_cast<bool>(state.configurations);
  for (int i = 0; same && i < count; ++i) {
    same = small.configuration(i) == state.declared[static_cast<size_t>(i)];
  }
  if (same) return true;
  state.declared.clear();
  Ref tuple(PyTuple_New(count));
  for (int i = 0; tuple && i < count; ++i) {
    const auto& declared = small.configuration(i);
    state.declared.push_back(declared);
    PyObject* const object =
        declared == nullptr ? Py_NewRef(Py_None) : ConfigurationObject::Make(declared);
    if (object == nullptr || PyTuple_SetItem(tuple.get(), i, object) != 0) return false;
  }
  state.configurations = std::move(tuple);
  return static_cast<bool>(state.configurations);
}

// Reads the next event, unless one is waiting, and calls on_skip. Returns false at the end, and
// after an error.
bool ReadEvent(EventReaderState& state) {
  std::optional<Result<bool>> more;
  if (!state.waiting) {
    {
      const Flag busy(&state.busy);
      const WithoutGil free;
      more.emplace(state.reader->Next(state.event.get()));
    }
    state.waiting = more->ok() && **more;
    if (PyErr_Occurred() != nullptr) return false;  // from a signal
  }
  {
    const Flag telling(&state.telling);
    if (!state.skips->Tell()) return false;
  }
  if (state.waiting) return true;
  if (!more->ok()) return Raise(more->status()) != nullptr;
  *state.event = {};
  return false;
}

PyObject* Next(PyObject* self) try {
  const Entry entry;
  EventReaderState& state = EventReaderObject::Of(self);
  if (!CheckFree(state)) return nullptr;
  if (state.telling) {
    PyErr_SetString(PyExc_RuntimeError, "these events are calling their on_skip");
    return nullptr;
  }
  if (!ReadEvent(state) || !UpdateConfigurations(state)) return nullptr;
  Ref dgrams(MakeDgrams(state));
  if (!dgrams) return nullptr;
  state.waiting = false;
  return Py_BuildValue("(iKNO)", static_cast<int>(state.event->service()),
                       static_cast<unsigned long long>(state.event->timestamp().value()),
                       dgrams.release(), state.configurations.get());
} catch (...) {
  return RaiseCaught();
}

PyObject* Stop(PyObject* self, PyObject* /*unused*/) {
  EventReaderObject::Of(self).live.Stop();
  Py_RETURN_NONE;
}

PyObject* Configures(PyObject* self, void* /*unused*/) try {
  const EventReaderState& state = EventReaderObject::Of(self);
  if (!CheckFree(state)) return nullptr;
  Ref list(PyList_New(0));
  for (int i = 0; list && i < state.small->stream_count(); ++i) {
    const Ref dgram(MakeDgram(state.small->configure(i)));
    if (!dgram || PyList_Append(list.get(), dgram.get()) != 0) return nullptr;
  }
  return list.release();
} catch (...) {
  return RaiseCaught();
}

PyMethodDef methods[] = {
    {"stop", &Stop, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef properties[] = {
    {"configures", &Configures, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

bool MakeEventReaderType(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_new, Slot(&New)},       {Py_tp_iter, Slot(&PyObject_SelfIter)},
      {Py_tp_iternext, Slot(&Next)}, {Py_tp_methods, methods},
      {Py_tp_getset, properties},    {0, nullptr},
  };
  return EventReaderObject::MakeType(module, "alkaid._EventReader", slots);
}

}  // namespace alkaid::python
