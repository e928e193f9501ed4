#include "owners.h"

#include <atomic>
#include <cstddef>
#include <new>

namespace alkaid::python {
namespace {

struct Owner {
  Py_buffer view = {};         // an export, where view.obj is set
  PyObject* object = nullptr;  // else a reference
  Owner* next = nullptr;
};

std::atomic<Owner*> queue = nullptr;
// How many threads are about to make a pending call; kEnded once the exit handler ran.
std::atomic<int> callers = 0;
constexpr int kEnded = 1 << 30;

constinit thread_local int entries = 0;

// With the GIL.
void Release(Owner* owner) {
  if (owner->view.obj != nullptr) PyBuffer_Release(&owner->view);
  Py_XDECREF(owner->object);
  delete owner;
}

int Drain(void* /*unused*/) {
  Owner* owner = queue.exchange(nullptr, std::memory_order_acquire);
  if (owner == nullptr) return 0;
  // What is released may be released while an exception is on its way.
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  ++entries;
  while (owner != nullptr) {
    Owner* const next = owner->next;
    Release(owner);
    owner = next;
  }
  --entries;
  PyErr_Restore(type, value, traceback);
  return 0;
}

void LetGo(Owner* owner) {
  if (entries > 0) return Release(owner);
  owner->next = queue.load(std::memory_order_relaxed);
  while (!queue.compare_exchange_weak(owner->next, owner, std::memory_order_release,
                                      std::memory_order_relaxed)) {
  }
  // The queue of pending calls may be full: then the next entry does it.
  if (callers.fetch_add(1, std::memory_order_acquire) < kEnded) Py_AddPendingCall(&Drain, nullptr);
  callers.fetch_sub(1, std::memory_order_release);
}

std::shared_ptr<void> Share(Owner* owner) try {
  return {owner, [](Owner* last) { LetGo(last); }};
} catch (const std::bad_alloc&) {  // the deleter has been called
  PyErr_NoMemory();
  return nullptr;
}

// What is let go from here on is leaked. Returns when nobody asks for a pending call any more.
PyObject* End(PyObject* /*self*/, PyObject* /*unused*/) {
  Drain(nullptr);
  callers.fetch_add(kEnded, std::memory_order_acq_rel);
  while (callers.load(std::memory_order_acquire) != kEnded) {
  }
  Py_RETURN_NONE;
}

}  // namespace

Entry::Entry() {
  if (queue.load(std::memory_order_relaxed) != nullptr && callers.load() < kEnded) Drain(nullptr);
  ++entries;
}
Entry::~Entry() { --entries; }

WithoutGil::WithoutGil() : state_(PyEval_SaveThread()), depth_(entries) { entries = 0; }
WithoutGil::~WithoutGil() {
  PyEval_RestoreThread(state_);
  entries = depth_;
}

std::shared_ptr<void> KeepExport(PyObject* object, int flags, Py_buffer* view) {
  auto* const owner = new (std::nothrow) Owner;
  if (owner == nullptr) {
    PyErr_NoMemory();
    return nullptr;
  }
  if (PyObject_GetBuffer(object, &owner->view, flags) != 0) {
    delete owner;
    return nullptr;
  }
  *view = owner->view;
  return Share(owner);
}

std::shared_ptr<void> KeepObject(PyObject* object) {
  auto* const owner = new (std::nothrow) Owner;
  if (owner == nullptr) {
    PyErr_NoMemory();
    return nullptr;
  }
  owner->object = Py_NewRef(object);
  return Share(owner);
}

bool StartOwners() {
  static PyMethodDef end = {"_end", &End, METH_NOARGS, nullptr};
  const Ref function(PyCFunction_New(&end, nullptr));
  const Ref atexit(PyImport_ImportModule("atexit"));
  if (!function || !atexit) return false;
  return static_cast<bool>(Ref(PyObject_CallMethod(atexit.get(), "register", "O", function.get())));
}

}  // namespace alkaid::python
