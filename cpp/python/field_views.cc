#include "field_views.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "alkaid/dgram/shapes_data.h"
#include "dgram_object.h"
#include "errors.h"
#include "field_values.h"
#include "typed_object.h"

namespace alkaid::python {
namespace {

using dgram::Names;
using dgram::ShapesData;
using dgram::ShapesDataWalk;

// A detector, or one segment of it: `names` is one of its declarations.
struct PartState {
  Ref dgram;
  const Names* names;
};
struct SegmentState : PartState {};
// An algorithm of a segment, or the group of its fields whose names begin with `prefix`
// ("expert.").
struct AlgorithmState {
  Ref dgram;
  // Borrows the Dgram's bytes, which were at `bytes`; no longer valid if the Dgram was compacted
  // since.
  ShapesData data;
  const uint8_t* bytes;
  std::string prefix = {};
};
using DetectorView = Object<PartState>;
using SegmentView = Object<SegmentState>;
using AlgorithmView = Object<AlgorithmState>;

// Fails if a declaration cannot have the name.
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

PyObject* ToPython(std::string_view text) {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogateescape");
}

// The first ShapesData of the datagram for which `is` holds; null if there is none or after an
// error.
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

// A dictionary with an entry for the first ShapesData of each key, in order. `key_of` makes the key
// (null without an error: this ShapesData is left out), `make` the value.
template <typename KeyOf, typename Make>
PyObject* Collect(PyObject* dgram, const KeyOf& key_of, const Make& make) try {
  Ref all(PyDict_New());
  // The collector may run finalizers meanwhile, and another thread may compact the datagram.
  const Ref origin = Ref::Borrow(DgramObject::Of(dgram).origin.get());
  ShapesDataWalk walk(DgramObject::Of(dgram).dgram);
  while (all && walk.Next()) {
    const ShapesData& data = walk.shapes_data();
    const Ref key(key_of(data.names()));
    if (!key && PyErr_Occurred() != nullptr) return nullptr;
    if (!key) continue;
    const int there = PyDict_Contains(all.get(), key.get());
    if (there < 0) return nullptr;
    if (there > 0) continue;
    const Ref value(make(data));
    if (!value || PyDict_SetItem(all.get(), key.get(), value.get()) != 0) return nullptr;
  }
  if (!walk.status().ok()) return Raise(walk.status());
  return all.release();
} catch (...) {
  return RaiseCaught();
}

PyObject* MakeSegment(PyObject* dgram, const ShapesData& data) {
  return SegmentView::Make(PartState{Ref::Borrow(dgram), &data.names()});
}
PyObject* MakeAlgorithm(PyObject* dgram, const ShapesData& data) {
  return AlgorithmView::Make(Ref::Borrow(dgram), data, DgramObject::Of(dgram).dgram.data());
}

// --- Detectors: as a dictionary of segments ---

bool IsOf(const Names& names, const PartState& part) {
  return names.detector() == part.names->detector();
}

PyObject* FindSegment(PyObject* self, PyObject* key) {
  const PartState& part = DetectorView::Of(self);
  if (PyLong_Check(key) == 0) return nullptr;
  const unsigned long segment = PyLong_AsUnsignedLong(key);
  if (segment == static_cast<unsigned long>(-1) && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    return nullptr;
  }
  return FindFirst(
      part.dgram.get(),
      [&](const Names& names) { return names.segment() == segment && IsOf(names, part); },
      [&](const ShapesData& data) { return MakeSegment(part.dgram.get(), data); });
}
PyObject* SegmentOf(PyObject* self, PyObject* key) {
  PyObject* const found = FindSegment(self, key);
  if (found == nullptr && PyErr_Occurred() == nullptr) PyErr_SetObject(PyExc_KeyError, key);
  return found;
}
int HasSegment(PyObject* self, PyObject* key) {
  const Ref found(FindSegment(self, key));
  if (found) return 1;
  return PyErr_Occurred() != nullptr ? -1 : 0;
}
PyObject* GetSegment(PyObject* self, PyObject* arguments) {
  PyObject* key = nullptr;
  PyObject* other = Py_None;
  if (PyArg_ParseTuple(arguments, "O|O", &key, &other) == 0) return nullptr;
  PyObject* const found = FindSegment(self, key);
  return found != nullptr || PyErr_Occurred() != nullptr ? found : Py_NewRef(other);
}

PyObject* SegmentsOf(PyObject* self, PyObject* /*unused*/) {
  const PartState& part = DetectorView::Of(self);
  return Collect(
      part.dgram.get(),
      [&](const Names& names) {
        return IsOf(names, part) ? PyLong_FromUnsignedLong(names.segment()) : nullptr;
      },
      [&](const ShapesData& data) { return MakeSegment(part.dgram.get(), data); });
}
template <PyObject* (*part)(PyObject*)>
PyObject* PartsOf(PyObject* self, PyObject* /*unused*/) {
  const Ref all(SegmentsOf(self, nullptr));
  return all ? part(all.get()) : nullptr;
}
PyObject* IterateSegments(PyObject* self) {
  const Ref keys(PartsOf<&PyDict_Keys>(self, nullptr));
  return keys ? PyObject_GetIter(keys.get()) : nullptr;
}
Py_ssize_t CountSegments(PyObject* self) {
  const Ref all(SegmentsOf(self, nullptr));
  return all ? PyDict_Size(all.get()) : -1;
}
PyObject* DetectorRepr(PyObject* self) {
  const PartState& part = DetectorView::Of(self);
  const Ref keys(PartsOf<&PyDict_Keys>(self, nullptr));
  return keys ? PyUnicode_FromFormat("<detector %s, segments %R>", part.names->detector().c_str(),
                                     keys.get())
              : nullptr;
}

// --- Segments: attributes are algorithms ---

bool IsSegment(const Names& names, const PartState& part) {
  return names.segment() == part.names->segment() && IsOf(names, part);
}

PyObject* AlgorithmOf(PyObject* self, PyObject* name) {
  const PartState& part = SegmentView::Of(self);
  std::string_view text;
  if (TextOf(name, &text)) {
    PyObject* const found = FindFirst(
        part.dgram.get(),
        [&](const Names& names) {
          return names.algorithm().name == text && IsSegment(names, part);
        },
        [&](const ShapesData& data) { return MakeAlgorithm(part.dgram.get(), data); });
    if (found != nullptr || PyErr_Occurred() != nullptr) return found;
  }
  return PyObject_GenericGetAttr(self, name);
}

PyObject* AlgorithmsOf(PyObject* self, void* /*unused*/) {
  const PartState& part = SegmentView::Of(self);
  return Collect(
      part.dgram.get(),
      [&](const Names& names) {
        return IsSegment(names, part) ? ToPython(names.algorithm().name) : nullptr;
      },
      [&](const ShapesData& data) { return MakeAlgorithm(part.dgram.get(), data); });
}

// --- Algorithms: attributes are fields ---

PyObject* OriginOf(const AlgorithmState& state) {
  return DgramObject::Of(state.dgram.get()).origin.get();
}

// Visits the fields of `data` by their names without the state's prefix. `visit(index, name)`
// returns whether to go on.
template <typename Visit>
void ForEachName(const ShapesData& data, const std::string& prefix, const Visit& visit) {
  const auto& fields = data.names().fields();
  for (size_t i = 0; i < fields.size(); ++i) {
    const std::string_view name = fields[i].is_enum() ? fields[i].base_name() : fields[i].name;
    if (!name.starts_with(prefix) || fields[i].type == dgram::DataType::kEnumDict) continue;
    if (!visit(static_cast<int>(i), name.substr(prefix.size()))) return;
  }
}

// The field of that name in `data`, or the group of fields whose names begin with it and a dot;
// null without an error if there is neither.
PyObject* ValueIn(const ShapesData& data, const AlgorithmState& state, std::string_view text) {
  int found = -1;
  bool is_group = false;
  ForEachName(data, state.prefix, [&](int index, std::string_view name) {
    if (name == text) found = index;
    is_group = is_group ||
               (name.size() > text.size() && name.starts_with(text) && name[text.size()] == '.');
    return found < 0;
  });
  if (found >= 0) return ValueOf(data, found, OriginOf(state));
  if (!is_group) return nullptr;
  return AlgorithmView::Make(Ref::Borrow(state.dgram.get()), data,
                             DgramObject::Of(state.dgram.get()).dgram.data(),
                             state.prefix + std::string(text) + ".");
}

// Calls `visit(data)` for each ShapesData of this algorithm until it returns something: if several
// declarations share an algorithm, each has some of its fields.
template <typename Visit>
PyObject* FindIn(const AlgorithmState& state, const Visit& visit) {
  if (state.bytes == DgramObject::Of(state.dgram.get()).dgram.data()) {
    PyObject* const first = visit(state.data);
    if (first != nullptr || PyErr_Occurred() != nullptr) return first;
  }
  // From the Configuration, which outlives a compaction.
  const Names& own = state.data.names();
  ShapesDataWalk walk(DgramObject::Of(state.dgram.get()).dgram);
  while (walk.Next()) {
    const Names& names = walk.shapes_data().names();
    if (names.segment() != own.segment() || names.algorithm().name != own.algorithm().name ||
        names.detector() != own.detector()) {
      continue;
    }
    PyObject* const found = visit(walk.shapes_data());
    if (found != nullptr || PyErr_Occurred() != nullptr) return found;
  }
  return walk.status().ok() ? nullptr : Raise(walk.status());
}

PyObject* FieldOf(PyObject* self, PyObject* name) try {
  const AlgorithmState& state = AlgorithmView::Of(self);
  std::string_view text;
  if (TextOf(name, &text) && !text.empty()) {
    PyObject* const found =
        FindIn(state, [&](const ShapesData& data) { return ValueIn(data, state, text); });
    if (found != nullptr || PyErr_Occurred() != nullptr) return found;
  }
  return PyObject_GenericGetAttr(self, name);
} catch (...) {
  return RaiseCaught();
}

// The names of the fields, each group once, as the keys of a dictionary with values None.
PyObject* NamesOfFields(const AlgorithmState& state) {
  Ref names(PyDict_New());
  if (!names) return nullptr;
  const Ref found(FindIn(state, [&](const ShapesData& data) -> PyObject* {
    ForEachName(data, state.prefix, [&](int /*index*/, std::string_view name) {
      const Ref key(ToPython(name.substr(0, name.find('.'))));
      return key && PyDict_SetItem(names.get(), key.get(), Py_None) == 0;
    });
    return nullptr;
  }));
  return PyErr_Occurred() != nullptr ? nullptr : names.release();
}

PyObject* DirOfFields(PyObject* self, PyObject* /*unused*/) try {
  const Ref names(NamesOfFields(AlgorithmView::Of(self)));
  return names ? PyDict_Keys(names.get()) : nullptr;
} catch (...) {
  return RaiseCaught();
}

PyObject* FieldsOf(PyObject* self, void* /*unused*/) try {
  Ref values(NamesOfFields(AlgorithmView::Of(self)));
  const Ref keys(values ? PyDict_Keys(values.get()) : nullptr);
  if (!keys) return nullptr;
  for (Py_ssize_t i = 0; i < PyList_Size(keys.get()); ++i) {
    PyObject* const key = PyList_GetItem(keys.get(), i);
    const Ref value(FieldOf(self, key));
    // A name that cannot be an attribute, for instance because it is not UTF-8.
    if (!value && PyErr_ExceptionMatches(PyExc_AttributeError) != 0) {
      PyErr_Clear();
      if (PyDict_DelItem(values.get(), key) != 0) return nullptr;
      continue;
    }
    if (!value || PyDict_SetItem(values.get(), key, value.get()) != 0) return nullptr;
  }
  return values.release();
} catch (...) {
  return RaiseCaught();
}

PyMethodDef detector_methods[] = {
    {"keys", &PartsOf<&PyDict_Keys>, METH_NOARGS, "keys($self)\n--\n\nThe segments, as a list."},
    {"values", &PartsOf<&PyDict_Values>, METH_NOARGS,
     "values($self)\n--\n\nThe data of the segments, as a list."},
    {"items", &PartsOf<&PyDict_Items>, METH_NOARGS,
     "items($self)\n--\n\nPairs of a segment and its data, as a list."},
    {"get", &GetSegment, METH_VARARGS,
     "get($self, segment, default=None, /)\n--\n\nThe data of the segment, or the default."},
    {nullptr, nullptr, 0, nullptr},
};
PyMethodDef algorithm_methods[] = {
    {"__dir__", &DirOfFields, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef segment_properties[] = {
    {"__dict__", &AlgorithmsOf, nullptr, "The algorithms of the segment, by name.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};
PyGetSetDef algorithm_properties[] = {
    {"__dict__", &FieldsOf, nullptr, "The fields, by name.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

PyObject* FindDetector(PyObject* dgram, PyObject* name) {
  std::string_view text;
  if (!TextOf(name, &text)) return nullptr;
  return FindFirst(
      dgram, [&](const Names& names) { return names.detector() == text; },
      [&](const ShapesData& data) {
        return DetectorView::Make(Ref::Borrow(dgram), &data.names());
      });
}

PyObject* DetectorsOf(PyObject* dgram, void* /*unused*/) {
  return Collect(
      dgram, [](const Names& names) { return ToPython(names.detector()); },
      [&](const ShapesData& data) {
        return DetectorView::Make(Ref::Borrow(dgram), &data.names());
      });
}

bool MakeFieldViewTypes(PyObject* module) {
  PyType_Slot detector[] = {
      {Py_tp_doc, const_cast<char*>("A detector in a Dgram: its segments by number.")},
      {Py_tp_methods, detector_methods},
      {Py_tp_iter, Slot(&IterateSegments)},
      {Py_tp_repr, Slot(&DetectorRepr)},
      {Py_mp_subscript, Slot(&SegmentOf)},
      {Py_mp_length, Slot(&CountSegments)},
      {Py_sq_contains, Slot(&HasSegment)},
      {0, nullptr},
  };
  PyType_Slot segment[] = {
      {Py_tp_doc, const_cast<char*>("A segment of a detector in a Dgram: attributes are "
                                    "algorithms.")},
      {Py_tp_getattro, Slot(&AlgorithmOf)},
      {Py_tp_getset, segment_properties},
      {0, nullptr},
  };
  PyType_Slot algorithm[] = {
      {Py_tp_doc, const_cast<char*>(
                      "What an algorithm made of a segment: attributes are fields.\n\n"
                      "An array of rank 1 to 5 is a read-only numpy array over the bytes of the\n"
                      "batch, which it keeps alive; numbers, text and enumerations are copied.")},
      {Py_tp_getattro, Slot(&FieldOf)},
      {Py_tp_methods, algorithm_methods},
      {Py_tp_getset, algorithm_properties},
      {0, nullptr},
  };
  return DetectorView::MakeType(module, "alkaid._DetectorView", detector) &&
         SegmentView::MakeType(module, "alkaid._SegmentView", segment) &&
         AlgorithmView::MakeType(module, "alkaid._AlgorithmView", algorithm);
}

}  // namespace alkaid::python
