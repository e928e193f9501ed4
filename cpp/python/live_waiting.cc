#include "live_waiting.h"

#include <chrono>
#include <cmath>
#include <utility>

#include "errors.h"

namespace alkaid::python {
namespace {

// Whether this is the thread that runs signal handlers.
bool IsMainThread() {
  const Ref threading(PyImport_ImportModule("threading"));
  const Ref thread(threading ? PyObject_CallMethod(threading.get(), "main_thread", nullptr)
                             : nullptr);
  const Ref ident(thread ? PyObject_GetAttrString(thread.get(), "ident") : nullptr);
  if (!ident) {
    PyErr_Clear();
    return false;
  }
  return PyLong_AsUnsignedLong(ident.get()) == PyThread_get_thread_ident();
}

// Whether a handler raised. Only the main thread runs handlers. Other threads must not ask for the
// GIL, which they would not get from an interpreter that is ending.
bool SignalRaised() {
  const PyGILState_STATE held = PyGILState_Ensure();
  const bool raised = PyErr_CheckSignals() != 0;
  PyGILState_Release(held);
  return raised;
}

}  // namespace

bool LiveWaiting::Set(PyObject* live) {
  if (live == nullptr || live == Py_None || live == Py_False) return true;
  io::LiveOptions options;
  if (live != Py_True) {
    const double seconds = PyFloat_AsDouble(live);
    if (PyErr_Occurred() != nullptr) return false;
    if (!(seconds >= 0) || seconds > 1e9) {
      PyErr_SetString(PyExc_ValueError, "live is True, or seconds of silence from 0 to 1e9");
      return false;
    }
    options.silence = std::chrono::nanoseconds(std::llround(seconds * 1e9));
  }
  stopped_ = std::make_shared<std::atomic<bool>>(false);
  options.stop = [stopped = stopped_, main = PyThread_get_thread_ident(),
                  is_main = IsMainThread()] {
    if (stopped->load()) return true;
    return is_main && PyThread_get_thread_ident() == main && SignalRaised();
  };
  auto watch = io::LiveWatch::Make(std::move(options));
  if (!watch.ok()) {
    Raise(watch.status());
    return false;
  }
  watch_ = *std::move(watch);
  return true;
}

}  // namespace alkaid::python
