#include "report_functions.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/base/number_text.h"
#include "alkaid/heap/reports/heap_diff.h"
#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/reports/retention_report.h"
#include "alkaid/heap/reports/stack_trace_text.h"
#include "alkaid/heap/tracking/tracking.h"
#include "errors.h"
#include "owners.h"
#include "typed_object.h"

namespace alkaid::python {
namespace {

using heap::HeapSnapshot;
using SnapshotObject = Object<HeapSnapshot>;

PyObject* Text(const std::string& text) {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()),
                              "backslashreplace");
}
PyObject* Number(int64_t number) { return PyLong_FromLongLong(number); }
PyObject* Unsigned(uint64_t number) { return PyLong_FromUnsignedLongLong(number); }
PyObject* Done(const Status& status) {
  if (!status.ok()) return Raise(status);
  Py_RETURN_NONE;
}

// A list of `make`'s results for each of `all`.
template <typename All, typename Make>
PyObject* List(const All& all, const Make& make) {
  Ref list(PyList_New(0));
  for (const auto& one : all) {
    const Ref item(list ? make(one) : nullptr);
    if (!item || PyList_Append(list.get(), item.get()) != 0) return nullptr;
  }
  return list.release();
}

// "Keep at script.py:12" for a line of Python, "libc.so.6 + 0x2724a" for native code.
std::string FrameText(const HeapSnapshot& snapshot, uint64_t frame) {
  if (const heap::HeapPythonPlace* place = snapshot.PythonPlaceOf(frame)) {
    if (place->function.empty()) return "Python";
    const std::string line = place->line > 0 ? ":" + std::to_string(place->line) : "";
    return place->function + " at " + place->file + line;
  }
  // A return address may be the first address past its module.
  const heap::HeapModule* const module = frame == 0 ? nullptr : snapshot.ModuleOf(frame - 1);
  if (module == nullptr) return alkaid::internal::Hex(frame);
  return module->path.substr(module->path.rfind('/') + 1) + " + " +
         alkaid::internal::Hex(frame - module->bias);
}
template <typename Frames>
PyObject* FramesOf(const HeapSnapshot& snapshot, const Frames& frames) {
  return List(frames, [&](uint64_t frame) { return Text(FrameText(snapshot, frame)); });
}

// The indices of the frames that `alkaid heap show` shows.
template <typename Frames>
PyObject* ShownOf(const HeapSnapshot& snapshot, const Frames& frames) {
  std::vector<heap::TraceFrame> named;
  for (const uint64_t frame : frames) {
    heap::TraceFrame& one = named.emplace_back();
    one.lines = {FrameText(snapshot, frame)};
    if (snapshot.PythonPlaceOf(frame) != nullptr || frame == 0) continue;
    if (const heap::HeapModule* module = snapshot.ModuleOf(frame - 1)) one.module = module->path;
  }
  return List(heap::ShownLines(std::move(named), /*all=*/false),
              [](const heap::TraceLine& line) { return Number(line.number); });
}

// --- Tracking ---

PyObject* StartTracking(PyObject* /*self*/, PyObject* options) try {
  const char* const text = PyUnicode_AsUTF8AndSize(options, nullptr);
  if (text == nullptr) return nullptr;
  const auto parsed = heap::ParseTrackingOptions(text);
  if (!parsed.ok()) return Raise(parsed.status());
  Status started;
  {
    const WithoutGil free;
    started = heap::StartTracking(*parsed);
  }
  return Done(started);
} catch (...) {
  return RaiseCaught();
}
PyObject* StopTracking(PyObject* /*self*/, PyObject* /*unused*/) {
  const WithoutGil free;
  heap::StopTracking();
  return Py_NewRef(Py_None);
}
PyObject* IsTracking(PyObject* /*self*/, PyObject* /*unused*/) {
  return PyBool_FromLong(heap::IsTracking() ? 1 : 0);
}
PyObject* LabelStatistics(PyObject* /*self*/, PyObject* /*unused*/) try {
  std::vector<heap::LabelStatistics> all;
  {
    const WithoutGil free;
    all = heap::GetLabelStatistics();
  }
  return List(all, [](const heap::LabelStatistics& one) {
    return Py_BuildValue("(NNNNN)", Text(one.label), Number(one.live_bytes),
                         Number(one.live_blocks), Number(one.total_bytes),
                         Number(one.total_blocks));
  });
} catch (...) {
  return RaiseCaught();
}

// --- Snapshots ---

template <typename Take>
PyObject* MakeSnapshot(const Take& take, PyObject* (*raise)(const Status&)) {
  std::optional<Result<HeapSnapshot>> taken;
  {
    const WithoutGil free;
    taken.emplace(take());
  }
  return taken->ok() ? SnapshotObject::Make(**std::move(taken)) : raise(taken->status());
}
PyObject* TakeSnapshot(PyObject* /*self*/, PyObject* name) try {
  const char* const text = PyUnicode_AsUTF8AndSize(name, nullptr);
  if (text == nullptr) return nullptr;
  return MakeSnapshot([&] { return HeapSnapshot::Take(text); }, &Raise);
} catch (...) {
  return RaiseCaught();
}

bool PathOf(PyObject* object, std::string* out) {
  PyObject* path = nullptr;
  if (PyUnicode_FSConverter(object, &path) == 0) return false;
  const Ref held(path);
  *out = PyBytes_AsString(path);
  return true;
}
PyObject* ReadSnapshot(PyObject* /*self*/, PyObject* argument) try {
  std::string path;
  if (!PathOf(argument, &path)) return nullptr;
  return MakeSnapshot([&] { return heap::ReadHeapFile(path); }, &RaiseOfFile);
} catch (...) {
  return RaiseCaught();
}
PyObject* WriteSnapshot(PyObject* self, PyObject* argument) try {
  std::string path;
  if (!PathOf(argument, &path)) return nullptr;
  Status written;
  {
    const WithoutGil free;
    written = heap::WriteHeapFile(SnapshotObject::Of(self), path);
  }
  if (!written.ok()) return RaiseOfFile(written);
  Py_RETURN_NONE;
} catch (...) {
  return RaiseCaught();
}

PyObject* Blocks(PyObject* self, PyObject* /*unused*/) try {
  const HeapSnapshot& snapshot = SnapshotObject::Of(self);
  const heap::HeapContents& contents = snapshot.contents();
  return List(snapshot.blocks(), [&](const heap::HeapBlock& block) {
    return Py_BuildValue("(NNNNNNIN)", Unsigned(block.address), Number(block.size),
                         Number(block.weight), Text(contents.labels[block.label]),
                         Text(contents.pools[block.pool].name), Unsigned(snapshot.AgeOf(block)),
                         block.thread, FramesOf(snapshot, snapshot.frames(block.stack)));
  });
} catch (...) {
  return RaiseCaught();
}

PyObject* NameOf(PyObject* self, void* /*unused*/) {
  return Text(SnapshotObject::Of(self).contents().name);
}
PyObject* BytesOf(PyObject* self, void* /*unused*/) {
  return Number(SnapshotObject::Of(self).bytes());
}
PyObject* BlockCount(PyObject* self, void* /*unused*/) {
  return Number(SnapshotObject::Of(self).block_count());
}
PyObject* Sampled(PyObject* self, void* /*unused*/) {
  return PyBool_FromLong(SnapshotObject::Of(self).sampled() ? 1 : 0);
}

// --- Differences: of two snapshots, or of nothing and one ---

PyObject* Change(const heap::HeapChange& change) {
  return Py_BuildValue("(NNNNN)", Number(change.freed_bytes), Number(change.freed_blocks),
                       Number(change.new_bytes), Number(change.new_blocks),
                       Unsigned(change.oldest_ns));
}
PyObject* NamedChanges(const std::vector<heap::HeapNameChange>& changes) {
  return List(changes, [](const heap::HeapNameChange& change) {
    return Py_BuildValue("(NN)", Text(change.name), Change(change));
  });
}

// _diff(before or None, after)
PyObject* Diff(PyObject* /*self*/, PyObject* arguments) try {
  PyObject* before = nullptr;
  PyObject* after = nullptr;
  if (PyArg_ParseTuple(arguments, "OO", &before, &after) == 0) return nullptr;
  if (!SnapshotObject::Is(after) || (before != Py_None && !SnapshotObject::Is(before))) {
    PyErr_SetString(PyExc_TypeError, "a diff is of two snapshots");
    return nullptr;
  }
  const HeapSnapshot nothing;
  const HeapSnapshot& first = before == Py_None ? nothing : SnapshotObject::Of(before);
  const HeapSnapshot& second = SnapshotObject::Of(after);
  std::optional<heap::HeapDiff> diff;
  {
    const WithoutGil free;
    diff.emplace(heap::Diff(first, second));
  }
  return Py_BuildValue(
      "(NiiNNNN)", Change(diff->total), diff->estimated ? 1 : 0, diff->same_process ? 1 : 0,
      NamedChanges(diff->by_label), NamedChanges(diff->by_pool), NamedChanges(diff->by_thread),
      List(diff->by_stack, [&](const heap::HeapStackChange& change) {
        const HeapSnapshot& of = change.of_after ? second : first;
        return Py_BuildValue("(NNNNN)", FramesOf(of, change.frames), Change(change),
                             Text(change.label), Text(change.pool), ShownOf(of, change.frames));
      }));
} catch (...) {
  return RaiseCaught();
}

// --- Retention ---

PyObject* TimeOrNone(uint64_t nanoseconds) {
  return nanoseconds == heap::kNoTime ? Py_NewRef(Py_None) : Unsigned(nanoseconds);
}

PyObject* Holder(const heap::RetentionReport& report, const heap::RetentionHolder& holder) {
  const HeapSnapshot& snapshot = report.snapshot();
  return Py_BuildValue("(NNNINN)", Number(holder.views), Number(holder.view_bytes),
                       Number(holder.visible_bytes), holder.thread,
                       Unsigned(report.AgeOf(holder.oldest_ns)),
                       FramesOf(snapshot, snapshot.frames(holder.stack)));
}

PyObject* Root(const heap::RetentionReport& report, const heap::RetainedRoot& root) {
  return Py_BuildValue(
      "(NNNNNNNNNNNNNN)", Unsigned(root.address), Number(root.held_bytes),
      Number(root.visible_bytes), Number(root.views), Unsigned(report.AgeOf(root.oldest_ns)),
      Text(root.label), Text(root.pool), Text(root.source),
      root.source_offset < 0 ? Py_NewRef(Py_None) : Number(root.source_offset),
      TimeOrNone(root.first_time_ns), TimeOrNone(root.last_time_ns),
      TimeOrNone(root.first_visible_time_ns), TimeOrNone(root.last_visible_time_ns),
      List(root.holders,
           [&](const heap::RetentionHolder& holder) { return Holder(report, holder); }));
}

// _retention(snapshot or None, top): totals, roots, text
PyObject* Retention(PyObject* /*self*/, PyObject* arguments) try {
  PyObject* of = nullptr;
  Py_ssize_t top = 0;
  if (PyArg_ParseTuple(arguments, "On", &of, &top) == 0) return nullptr;
  if (of != Py_None && !SnapshotObject::Is(of)) {
    PyErr_SetString(PyExc_TypeError, "retention is of a snapshot, or of None for now");
    return nullptr;
  }
  std::optional<Result<heap::RetentionReport>> taken;
  std::string text;
  {
    const WithoutGil free;
    taken.emplace(of == Py_None ? heap::RetentionReport::Take()
                                : heap::RetentionReport::Of(SnapshotObject::Of(of)));
    heap::RetentionTextOptions options;
    options.top = static_cast<size_t>(top < 0 ? 0 : top);
    if (taken->ok()) text = (*taken)->ToString(options);
  }
  if (!taken->ok()) return Raise(taken->status());
  const heap::RetentionReport& report = **taken;
  const heap::RetentionTotals& totals = report.totals();
  return Py_BuildValue(
      "(NNNNNN)", Number(totals.roots), Number(totals.views), Number(totals.root_bytes),
      Number(totals.visible_bytes),
      List(report.roots(), [&](const heap::RetainedRoot& root) { return Root(report, root); }),
      Text(text));
} catch (...) {
  return RaiseCaught();
}

PyMethodDef functions[] = {
    {"_start_tracking", &StartTracking, METH_O, nullptr},
    {"_stop_tracking", &StopTracking, METH_NOARGS, nullptr},
    {"is_tracking", &IsTracking, METH_NOARGS,
     "is_tracking()\n--\n\nWhether a table of all live memory is kept: see track."},
    {"_label_statistics", &LabelStatistics, METH_NOARGS, nullptr},
    {"_take_snapshot", &TakeSnapshot, METH_O, nullptr},
    {"_read_snapshot", &ReadSnapshot, METH_O, nullptr},
    {"_diff", &Diff, METH_VARARGS, nullptr},
    {"_retention", &Retention, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyMethodDef methods[] = {
    {"blocks", &Blocks, METH_NOARGS, nullptr},
    {"write", &WriteSnapshot, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef properties[] = {
    {"name", &NameOf, nullptr, nullptr, nullptr},
    {"bytes", &BytesOf, nullptr, nullptr, nullptr},
    {"block_count", &BlockCount, nullptr, nullptr, nullptr},
    {"sampled", &Sampled, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

bool AddReportFunctions(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {0, nullptr},
  };
  return PyModule_AddFunctions(module, functions) == 0 &&
         SnapshotObject::MakeType(module, "alkaid._HeapSnapshot", slots);
}

}  // namespace alkaid::python
