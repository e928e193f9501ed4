#include "field_views.h"

#include <string_view>

#include "alkaid/dgram/shapes_data.h"
#include "dgram_object.h"
#include "errors.h"
#include "field_values.h"
#include "typed_object.h"

namespace alkaid::python {
namespace {

using dgram::ShapesData;
using dgram::ShapesDataWalk;

// A detector, or one segment of it: `names` is one of its declarations.
struct PartState {
  Ref dgram;
  const dgram::Names* names;
};
struct SegmentState : PartState {};
struct AlgorithmState {
  Ref dgram;
  ShapesData data;  // borrows the Dgram
};
using DetectorView = Object<PartState>;
using SegmentView = Object<SegmentState>;
using AlgorithmView = Object<AlgorithmState>;

// Fails where the name is no text that a declaration could have.
bool TextOf(PyObject* name, std::string_view* text) {
  Py_ssize_t size = 0;
  const char* const bytes = PyUnicode_AsUTF8AndSize(name, &size);
  if (bytes == nullptr) {
    PyErr_Clear();
    return false;
  }
  *text = {bytes, static_cast<size_t>(size)};
  return true;
}

// The first ShapesData of the datagram that `is` takes; null, after an error too.
template <typename Is, typename Make>
PyObject* FindFirst(PyObject* dgram, const Is& is, const Make& make) try {
  ShapesDataWalk walk(DgramObject::Of(dgram).dgram);
  while (walk.Next()) {
    if (is(walk.shapes_data().names())) return make(walk.shapes_data());
  }
  return walk.status().ok() ? nullptr : Raise(walk.status());
} catch (...) {
  return RaiseCaught();
}

PyObject* SegmentOf(PyObject* self, PyObject* key) {
  const PartState& part = DetectorView::Of(self);
  const unsigned long segment = PyLong_AsUnsignedLong(key);
  if (segment == static_cast<unsigned long>(-1) && PyErr_Occurred() != nullptr) {
    if (PyErr_ExceptionMatches(PyExc_OverflowError) == 0) return nullptr;
    PyErr_Clear();
  }
  PyObject* const found = FindFirst(
      part.dgram.get(),
      [&](const dgram::Names& names) {
        return names.segment() == segment && names.detector() == part.names->detector();
      },
      [&](const ShapesData& data) {
        return SegmentView::Make(PartState{Ref::Borrow(part.dgram.get()), &data.names()});
      });
  if (found == nullptr && PyErr_Occurred() == nullptr) PyErr_SetObject(PyExc_KeyError, key);
  return found;
}

PyObject* AlgorithmOf(PyObject* self, PyObject* name) {
  const PartState& part = SegmentView::Of(self);
  std::string_view text;
  if (TextOf(name, &text)) {
    PyObject* const found = FindFirst(
        part.dgram.get(),
        [&](const dgram::Names& names) {
          return names.segment() == part.names->segment() && names.algorithm().name == text &&
                 names.detector() == part.names->detector();
        },
        [&](const ShapesData& data) {
          return AlgorithmView::Make(Ref::Borrow(part.dgram.get()), data);
        });
    if (found != nullptr || PyErr_Occurred() != nullptr) return found;
  }
  return PyObject_GenericGetAttr(self, name);
}

PyObject* FieldOf(PyObject* self, PyObject* name) try {
  const AlgorithmState& state = AlgorithmView::Of(self);
  std::string_view text;
  if (TextOf(name, &text)) {
    const auto& fields = state.data.names().fields();
    for (size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].base_name() != text) continue;
      const auto field = state.data.field(static_cast<int>(i));
      if (!field.ok()) return Raise(field.status());
      return ValueOf(*field, DgramObject::Of(state.dgram.get()).origin.get());
    }
  }
  return PyObject_GenericGetAttr(self, name);
} catch (...) {
  return RaiseCaught();
}

}  // namespace

PyObject* FindDetector(PyObject* dgram, PyObject* name) {
  std::string_view text;
  if (!TextOf(name, &text)) return nullptr;
  return FindFirst(
      dgram, [&](const dgram::Names& names) { return names.detector() == text; },
      [&](const ShapesData& data) {
        return DetectorView::Make(Ref::Borrow(dgram), &data.names());
      });
}

bool MakeFieldViewTypes(PyObject* module) {
  PyType_Slot detector[] = {
      {Py_tp_doc, const_cast<char*>("A detector in a Dgram, by segment.")},
      {Py_mp_subscript, Slot(&SegmentOf)},
      {0, nullptr},
  };
  PyType_Slot segment[] = {
      {Py_tp_doc, const_cast<char*>("A segment of a detector in a Dgram, by algorithm.")},
      {Py_tp_getattro, Slot(&AlgorithmOf)},
      {0, nullptr},
  };
  PyType_Slot algorithm[] = {
      {Py_tp_doc, const_cast<char*>("The fields that an algorithm made of a segment.")},
      {Py_tp_getattro, Slot(&FieldOf)},
      {0, nullptr},
  };
  return DetectorView::MakeType(module, "alkaid._DetectorView", detector) &&
         SegmentView::MakeType(module, "alkaid._SegmentView", segment) &&
         AlgorithmView::MakeType(module, "alkaid._AlgorithmView", algorithm);
}

}  // namespace alkaid::python
