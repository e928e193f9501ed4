#include "batch_object.h"

#include <iterator>
#include <utility>

#include "buffer_object.h"
#include "configuration_object.h"
#include "dgram_object.h"
#include "errors.h"
#include "owners.h"

namespace alkaid::python {
namespace {

using IteratorObject = Object<DgramPlace>;

const dgram::DgramBatch& BatchOf(PyObject* self) { return BatchObject::Of(self).batch; }

Py_ssize_t Length(PyObject* self) { return static_cast<Py_ssize_t>(BatchOf(self).size()); }

PyObject* Bytes(PyObject* self, void* /*unused*/) {
  return PyLong_FromLongLong(BatchOf(self).nbytes());
}
PyObject* Offset(PyObject* self, void* /*unused*/) {
  return PyLong_FromLongLong(BatchOf(self).offset());
}
PyObject* FirstIndex(PyObject* self, void* /*unused*/) {
  return PyLong_FromLongLong(BatchOf(self).first_index());
}
PyObject* BufferOfBatch(PyObject* self, void* /*unused*/) try {
  return BufferObject::Make(BatchOf(self).buffer());
} catch (...) {
  return RaiseCaught();
}
PyObject* ConfigurationOf(PyObject* self, void* /*unused*/) {
  const auto& configuration = BatchOf(self).origin()->configuration;
  if (configuration == nullptr) Py_RETURN_NONE;
  return ConfigurationObject::Make(configuration);
}

PyObject* Iterate(PyObject* self) {
  const BatchState& state = BatchObject::Of(self);
  return IteratorObject::Make(state.batch.begin(), Ref::Borrow(state.origin.get()));
}

PyObject* Next(PyObject* self) try { return NextDgram(&IteratorObject::Of(self)); } catch (...) {
  return RaiseCaught();
}

PyGetSetDef properties[] = {
    {"nbytes", &Bytes, nullptr, "Bytes of all datagrams.", nullptr},
    {"offset", &Offset, nullptr, "The byte of the source where the first datagram starts.",
     nullptr},
    {"first_index", &FirstIndex, nullptr, "The index of the first datagram in its source, from 0.",
     nullptr},
    {"buffer", &BufferOfBatch, nullptr, "All datagrams, back to back, without a copy.", nullptr},
    {"configuration", &ConfigurationOf, nullptr,
     "The Configuration that declares all their fields; None before any Configure.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

PyObject* MakeBatch(dgram::DgramBatch batch) {
  Ref origin(OriginObject::Make(batch.origin()));
  return origin ? BatchObject::Make(std::move(batch), std::move(origin)) : nullptr;
}

PyObject* NextDgram(DgramPlace* place) {
  if (!place->origin) return nullptr;
  if (place->at == std::default_sentinel) {
    const Entry entry;
    *place = {};
    return nullptr;
  }
  PyObject* const dgram = MakeDgram(*place->at, place->origin.get());
  if (dgram != nullptr) ++place->at;
  return dgram;
}

bool MakeBatchTypes(PyObject* module) {
  PyType_Slot batch[] = {
      {Py_tp_doc,
       const_cast<char*>("Datagrams that were read together, in one block of memory.\n\n"
                         "Iterates over its Dgrams, from the first each time. Its length is their "
                         "number. Immutable.")},
      {Py_tp_getset, properties},
      {Py_tp_iter, Slot(&Iterate)},
      {Py_sq_length, Slot(&Length)},
      {0, nullptr},
  };
  PyType_Slot iterator[] = {
      {Py_tp_iter, Slot(&PyObject_SelfIter)},
      {Py_tp_iternext, Slot(&Next)},
      {0, nullptr},
  };
  return BatchObject::MakeType(module, "alkaid.Batch", batch) &&
         IteratorObject::MakeType(module, "alkaid._DgramIterator", iterator);
}

}  // namespace alkaid::python
