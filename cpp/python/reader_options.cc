#include "reader_options.h"

#include <optional>

#include "python_parts.h"

namespace alkaid::python {
namespace {

PyObject* TimeOf(const std::optional<dgram::Timestamp>& time) {
  return time.has_value() ? PyLong_FromUnsignedLongLong(time->value()) : Py_NewRef(Py_None);
}

PyObject* Record(const dgram::Skipped& skipped) {
  const Ref type = PythonPart("_skipped", "Skipped");
  if (!type) return nullptr;
  const auto text = [](const std::string& from) {
    return PyUnicode_DecodeUTF8(from.data(), static_cast<Py_ssize_t>(from.size()),
                                "surrogateescape");
  };
  return PyObject_CallFunction(
      type.get(), "NLLLNNN", text(skipped.source), static_cast<long long>(skipped.byte),
      static_cast<long long>(skipped.nbytes), static_cast<long long>(skipped.dgram_index),
      TimeOf(skipped.timestamp), TimeOf(skipped.previous), text(skipped.why));
}

}  // namespace

bool AsOnFault(PyObject* text, dgram::OnFault* out) {
  if (text == nullptr || text == Py_None) return true;
  for (const dgram::OnFault one :
       {dgram::OnFault::kStop, dgram::OnFault::kSkipDatagram, dgram::OnFault::kResync}) {
    if (PyUnicode_Check(text) != 0 &&
        PyUnicode_CompareWithASCIIString(text, dgram::ToString(one)) == 0) {
      *out = one;
      return true;
    }
  }
  PyErr_Format(PyExc_ValueError, "on_fault is 'stop', 'skip-datagram' or 'resync', not %R", text);
  return false;
}

bool Skips::Set(PyObject* callable) {
  if (callable == nullptr || callable == Py_None) return true;
  if (PyCallable_Check(callable) == 0) {
    PyErr_Format(PyExc_TypeError, "on_skip is a function of one Skipped, not %R", callable);
    return false;
  }
  callable_ = Ref::Borrow(callable);
  return true;
}

dgram::OnSkip Skips::Collect() {
  if (!callable_) return nullptr;
  return [this](const dgram::Skipped& skipped) { waiting_.push_back(skipped); };
}

bool Skips::Tell() {
  while (callable_ && !waiting_.empty()) {
    const Ref record(Record(waiting_.front()));
    waiting_.erase(waiting_.begin());
    if (!record) return false;
    const Ref done(PyObject_CallFunctionObjArgs(callable_.get(), record.get(), nullptr));
    if (!done) return false;
  }
  return true;
}

int Skips::Traverse(visitproc visit, void* arg) const {
  Py_VISIT(callable_.get());
  return 0;
}
void Skips::Clear() { callable_ = {}; }

}  // namespace alkaid::python
