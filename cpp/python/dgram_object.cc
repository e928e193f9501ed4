#include "dgram_object.h"

#include <optional>
#include <utility>

#include "buffer_object.h"
#include "configuration_object.h"
#include "dgram_fields.h"
#include "dgram_reading.h"
#include "errors.h"
#include "field_views.h"
#include "owners.h"
#include "python_parts.h"

namespace alkaid::python {
namespace {

using dgram::Dgram;
using dgram::DgramOrigin;

// The names of Dgram's own attributes: a frozenset.
PyObject* own_names = nullptr;

const Dgram& DgramOf(PyObject* self) { return DgramObject::Of(self).dgram; }
OriginState& OriginOf(PyObject* self) {
  return OriginObject::Of(DgramObject::Of(self).origin.get());
}

PyObject* TimestampOf(PyObject* self, PyObject* /*unused*/) {
  return PyLong_FromUnsignedLongLong(DgramOf(self).timestamp().value());
}
PyObject* ServiceOf(PyObject* self, PyObject* /*unused*/) {
  return PyLong_FromLong(static_cast<long>(DgramOf(self).service()));
}
PyObject* EnvOf(PyObject* self, void* /*unused*/) {
  return PyLong_FromUnsignedLong(DgramOf(self).header().env);
}
PyObject* DamageOf(PyObject* self, void* /*unused*/) {
  return PyLong_FromLong(DgramOf(self).damage().value());
}
PyObject* SizeOf(PyObject* self, void* /*unused*/) {
  return PyLong_FromLongLong(DgramOf(self).size());
}
PyObject* OffsetOf(PyObject* self, void* /*unused*/) {
  return PyLong_FromLongLong(DgramOf(self).offset());
}
PyObject* IndexOf(PyObject* self, void* /*unused*/) {
  return PyLong_FromLongLong(DgramOf(self).index());
}
PyObject* SourceOf(PyObject* self, void* /*unused*/) {
  return PyUnicode_DecodeFSDefault(DgramOf(self).source().c_str());
}
PyObject* FileDescriptorOf(PyObject* self, void* /*unused*/) {
  return PyLong_FromLong(OriginOf(self).file_descriptor);
}
PyObject* OwnsMemory(PyObject* self, void* /*unused*/) {
  return PyBool_FromLong(DgramOf(self).owns_memory() ? 1 : 0);
}
PyObject* ConfigurationOf(PyObject* self, void* /*unused*/) {
  const auto& configuration = DgramOf(self).configuration();
  if (configuration == nullptr) Py_RETURN_NONE;
  return ConfigurationObject::Make(configuration);
}
PyObject* BufferOfDgram(PyObject* self, void* /*unused*/) try {
  return BufferObject::Make(DgramOf(self).buffer());
} catch (...) {
  return RaiseCaught();
}
PyObject* BytesOf(PyObject* self, void* /*unused*/) {
  const Dgram& dgram = DgramOf(self);
  return PyBytes_FromStringAndSize(reinterpret_cast<const char*>(dgram.data()),
                                   static_cast<Py_ssize_t>(dgram.size()));
}

PyObject* Copy(PyObject* self, PyObject* /*unused*/) try {
  const Entry entry;
  auto copy = DgramOf(self).Copy();
  return copy.ok() ? MakeDgram(*copy) : Raise(copy.status());
} catch (...) {
  return RaiseCaught();
}
PyObject* DeepCopy(PyObject* self, PyObject* /*memo*/) { return Copy(self, nullptr); }

PyObject* CompactIfBelow(PyObject* self, PyObject* argument) try {
  const Entry entry;
  const double ratio = PyFloat_AsDouble(argument);
  if (ratio == -1 && PyErr_Occurred() != nullptr) return nullptr;
  // Not by the watched one, whose slice would keep the batch alive.
  Dgram dgram = KeptDgram(self);
  const Result<bool> done = dgram.CompactIfBelow(ratio);
  if (!done.ok()) return Raise(done.status());
  if (!*done) Py_RETURN_FALSE;
  const Ref compact(MakeDgram(dgram));
  if (!compact) return nullptr;
  DgramState& state = DgramObject::Of(self);
  std::swap(state.dgram, DgramObject::Of(compact.get()).dgram);
  Ref origin = std::move(state.origin);
  state.origin = std::move(DgramObject::Of(compact.get()).origin);
  DgramObject::Of(compact.get()).origin = std::move(origin);
  Py_RETURN_TRUE;
} catch (...) {
  return RaiseCaught();
}

PyObject* RefuseToPickle(PyObject* /*self*/, PyObject* /*unused*/) {
  PyErr_SetString(PyExc_TypeError,
                  "a Dgram is a view and cannot be pickled: send bytes(dgram), or its arrays");
  return nullptr;
}

int GetBuffer(PyObject* self, Py_buffer* view, int flags) {
  // The view holds the Dgram, which holds its bytes. But compact_if_below leaves exported bytes to
  // others, so a base of their own keeps them alive here.
  const Dgram& dgram = DgramOf(self);
  const Ref base = BaseOf(DgramObject::Of(self).origin.get(), dgram.data(), dgram.size());
  view->obj = nullptr;
  if (!base) return -1;
  return PyBuffer_FillInfo(view, base.get(), const_cast<uint8_t*>(dgram.data()),
                           static_cast<Py_ssize_t>(dgram.size()), 1, flags);
}

// Whether a detector of the Configuration has the name of one of Dgram's own attributes. The
// detector then hides that attribute, as in psana.
bool HidesOwnName(const Dgram& dgram, PyObject* name) {
  if (dgram.configuration() == nullptr) return false;
  for (const dgram::Names& names : dgram.configuration()->names()) {
    if (PyUnicode_CompareWithASCIIString(name, names.detector().c_str()) == 0) return true;
  }
  return false;
}

PyObject* GetAttribute(PyObject* self, PyObject* name) {
  const int own = PySet_Contains(own_names, name);
  if (own < 0) return nullptr;
  if (own == 0 || HidesOwnName(DgramOf(self), name)) {
    PyObject* const detector = FindDetector(self, name);
    if (detector != nullptr || PyErr_Occurred() != nullptr) return detector;
  }
  return PyObject_GenericGetAttr(self, name);
}

bool ConfigurationArgument(PyObject* config, int* file_descriptor,
                           std::shared_ptr<const dgram::Configuration>* configuration) {
  if (config == nullptr || config == Py_None) return true;
  if (!AsConfiguration(config, configuration)) return false;
  if (DgramObject::Is(config)) *file_descriptor = OriginOf(config).file_descriptor;
  return true;
}

PyObject* Read(const DgramReading& reading,
               std::shared_ptr<const dgram::Configuration> configuration) {
  if (reading.file_descriptor < 0) {
    PyErr_SetString(PyExc_TypeError,
                    "Dgram needs a view, a file_descriptor, or a config that was read from one");
    return nullptr;
  }
  const auto origin = ReadDgram(reading, std::move(configuration));
  if (origin == nullptr) return nullptr;
  const Ref object(OriginObject::Make(origin, reading.file_descriptor));
  const Dgram dgram(origin, origin->buffer->data(), origin->buffer->size(), 0);
  return object ? MakeDgram(dgram, object.get()) : nullptr;
}

PyObject* New(PyTypeObject* /*type*/, PyObject* arguments, PyObject* keywords) try {
  const Entry entry;
  PyObject* view = Py_None;
  PyObject* config = Py_None;
  PyObject* place = Py_None;
  DgramReading reading;
  long long size = 0;
  long long most = dgram::kMaxDgramBytes;
  static const char* const kNames[] = {"view", "config",         "offset", "file_descriptor",
                                       "size", "max_dgram_size", nullptr};
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "|OOOiLL", const_cast<char**>(kNames), &view,
                                  &config, &place, &reading.file_descriptor, &size, &most) == 0) {
    return nullptr;
  }
  std::shared_ptr<const dgram::Configuration> configuration;
  int descriptor = -1;
  if (!ConfigurationArgument(config, &descriptor, &configuration)) return nullptr;
  if (place != Py_None) {
    reading.offset = PyLong_AsLongLong(place);
    if (*reading.offset == -1 && PyErr_Occurred() != nullptr) return nullptr;
  }
  if (size < 0 || most < 0 || reading.offset.value_or(0) < 0) {
    PyErr_SetString(PyExc_ValueError, "offset, size and max_dgram_size are not negative");
    return nullptr;
  }
  if (view == Py_None) {
    if (reading.file_descriptor < 0) reading.file_descriptor = descriptor;
    reading.size = size;
    reading.max_bytes = most;
    return Read(reading, std::move(configuration));
  }
  if (reading.file_descriptor >= 0) {
    PyErr_SetString(PyExc_TypeError, "Dgram takes a view or a file_descriptor, not both");
    return nullptr;
  }
  std::shared_ptr<Buffer> buffer = BufferOf(view);
  if (buffer == nullptr) return nullptr;
  auto made = Dgram::Make(std::move(buffer), reading.offset.value_or(0), std::move(configuration));
  if (!made.ok()) return Raise(made.status());
  if (size != 0 && made->size() != size) {
    return PyErr_Format(PyExc_ValueError, "size is %lld, the datagram has %lld bytes", size,
                        static_cast<long long>(made->size()));
  }
  return MakeDgram(*made);
} catch (...) {
  return RaiseCaught();
}

PyObject* Repr(PyObject* self) {
  const Dgram& dgram = DgramOf(self);
  return PyUnicode_FromFormat("<alkaid.Dgram %s %llu, %lld bytes>",
                              dgram::TransitionName(dgram.service()),
                              static_cast<unsigned long long>(dgram.timestamp().value()),
                              static_cast<long long>(dgram.size()));
}

PyMethodDef methods[] = {
    {"timestamp", &TimestampOf, METH_NOARGS,
     "timestamp($self)\n--\n\nSeconds in the upper 32 bits, nanoseconds in the lower."},
    {"service", &ServiceOf, METH_NOARGS, "service($self)\n--\n\nThe TransitionId: 12 is L1Accept."},
    {"fields", &FieldsOf, METH_NOARGS,
     "fields($self)\n--\n\nEvery field in the order of their data, as a list of\n"
     "(detector, segment, algorithm, name, type, shape, bytes): the full name, the type as\n"
     "\"UINT16\", the shape as a tuple, () for a scalar; the bytes as a read-only view that keeps\n"
     "the batch alive. DataLossError if the datagram is malformed."},
    {"copy", &Copy, METH_NOARGS,
     "copy($self)\n--\n\nA Dgram of the same bytes that owns its memory and keeps no batch alive."},
    {"__copy__", &Copy, METH_NOARGS, nullptr},
    {"__deepcopy__", &DeepCopy, METH_O, nullptr},
    {"compact_if_below", &CompactIfBelow, METH_O,
     "compact_if_below($self, ratio, /)\n--\n\nCopies the datagram and releases its batch if it "
     "is\n"
     "less than that share (0 to 1) of the memory that it keeps alive; returns whether it did.\n"
     "Arrays made before still keep the batch alive."},
    {"__reduce__", &RefuseToPickle, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

template <size_t n>
constexpr void* Part(const char (&path)[n]) {
  return const_cast<char*>(path);
}

PyGetSetDef properties[] = {
    {"_size", &SizeOf, nullptr, "Bytes of header and payload.", nullptr},
    {"_offset", &OffsetOf, nullptr, "The byte of its source at which it starts.", nullptr},
    {"_file_descriptor", &FileDescriptorOf, nullptr,
     "The descriptor it was read from with file_descriptor=, else -1.", nullptr},
    {"_dgrambytes", &BytesOf, nullptr, "A copy of header and payload, as bytes.", nullptr},
    {"env", &EnvOf, nullptr, "The env word of the header.", nullptr},
    {"damage", &DamageOf, nullptr, "The damage of the datagram itself: 0 for none.", nullptr},
    {"index", &IndexOf, nullptr, "Its index among the datagrams, or events, of its source, from 0.",
     nullptr},
    {"source", &SourceOf, nullptr, "What it was read from, usually a path.", nullptr},
    {"buffer", &BufferOfDgram, nullptr, "Header and payload, as a slice of the batch.", nullptr},
    {"owns_memory", &OwnsMemory, nullptr,
     "Whether its bytes were allocated for it alone; if not, it keeps its whole batch alive.",
     nullptr},
    {"configuration", &ConfigurationOf, nullptr,
     "The Configuration that declares its fields; None before any Configure.", nullptr},
    {"software", &GetFromPython, nullptr,
     "As psana has it: software.<detector>.<algorithm>.version, .dettype, .detid; and by segment.",
     Part("_configuration.software")},
    {"__dict__", &DetectorsOf, nullptr, "The detectors that the datagram carries, by name.",
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

PyObject* MakeDgram(const Dgram& dgram, PyObject* origin) {
  if (alkaid::internal::ViewEventsOn()) [[unlikely]]
    return MakeDgram(dgram);
  const DgramOrigin* const shared = dgram.origin().get();
  return DgramObject::Make(
      Dgram(std::shared_ptr<const DgramOrigin>(std::shared_ptr<void>(), shared), dgram.data(),
            dgram.size(), dgram.index()),
      Ref::Borrow(origin));
}

PyObject* MakeDgram(const Dgram& dgram) {
  Dgram own(dgram);
  Ref origin(OriginObject::Make(own.origin()));
  return origin ? DgramObject::Make(std::move(own), std::move(origin)) : nullptr;
}

Ref BaseOf(PyObject* origin, const uint8_t* data, int64_t nbytes) {
  OriginState& state = OriginObject::Of(origin);
  const std::shared_ptr<Buffer>& buffer = state.origin->buffer;
  if (alkaid::internal::ViewEventsOn()) [[unlikely]]
    return Ref(BufferObject::Make(SliceBuffer(buffer, data - buffer->data(), nbytes)));
  if (!state.buffer) state.buffer = Ref(BufferObject::Make(buffer));
  return Ref::Borrow(state.buffer.get());
}

bool MakeDgramTypes(PyObject* module) {
  PyType_Slot origin[] = {{0, nullptr}};
  PyType_Slot slots[] = {
      {Py_tp_doc,
       const_cast<char*>(
           "Dgram(view=None, config=None, offset=None, file_descriptor=-1, size=0, "
           "max_dgram_size=268435456)\n--\n\n"
           "One datagram.\n\n"
           "With view, which is bytes that any object exports, it shows them from byte offset on.\n"
           "Without it, it is read from file_descriptor (at offset, or at the descriptor's\n"
           "position), or from that of config, and owns its bytes. config is a Dgram or\n"
           "a Configuration that declares the fields; a Configure declares its own. size is\n"
           "compared with the size in the header.\n\n"
           "Attributes are the detectors that it carries: d.hsd[0].raw.waveform. A detector that\n"
           "is called as a method hides the method. Reading is safe from any thread.\n"
           "DataLossError for a malformed datagram, StopIteration at the end of a file.")},
      {Py_tp_new, Slot(&New)},
      {Py_tp_getattro, Slot(&GetAttribute)},
      {Py_tp_repr, Slot(&Repr)},
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {Py_bf_getbuffer, Slot(&GetBuffer)},
      {0, nullptr},
  };
  if (!OriginObject::MakeType(module, "alkaid._Origin", origin) ||
      !DgramObject::MakeType(module, "alkaid.Dgram", slots) || !MakeFieldViewTypes(module)) {
    return false;
  }
  const Ref names(PyObject_Dir(reinterpret_cast<PyObject*>(DgramObject::type)));
  own_names = names ? PyFrozenSet_New(names.get()) : nullptr;
  return own_names != nullptr;
}

}  // namespace alkaid::python
