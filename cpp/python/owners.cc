#include "owners.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <new>

namespace alkaid::python {
namespace {

// An export, a reference, or a call.
struct Owner {
  Py_buffer view = {};
  PyObject* object = nullptr;
  void (*release)(void*) = nullptr;
  void* argument = nullptr;
  Owner* next = nullptr;
};

std::atomic<Owner*> queue = nullptr;
// How many threads are about to add a pending call; kEnded or more once the exit handler ran.
std::atomic<int> callers = 0;
constexpr int kEnded = 1 << 30;

// Whether this thread is releasing owners: what it drops meanwhile waits for its turn.
constinit thread_local bool releasing = false;

// The state of the thread that holds the GIL (3.11), or of this thread if it holds it (later). It
// is not in Python's stable ABI; without it everything is queued.
PyThreadState* (*state_with_gil)() = nullptr;

bool HoldsGil() {
  if (state_with_gil == nullptr) return false;
  PyThreadState* const mine = PyGILState_GetThisThreadState();
  return mine != nullptr && mine == state_with_gil();
}

void Release(Owner* owner) {
  if (owner->view.obj != nullptr) PyBuffer_Release(&owner->view);
  Py_XDECREF(owner->object);
  if (owner->release != nullptr) owner->release(owner->argument);
  delete owner;
}

// Releases the list of `owner`, and then the queue. With the GIL held, which the released objects
// may drop in between.
void ReleaseAll(Owner* owner) {
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  releasing = true;
  while (owner != nullptr) {
    Owner* const next = owner->next;
    Release(owner);
    owner = next != nullptr ? next : queue.exchange(nullptr, std::memory_order_acquire);
  }
  releasing = false;
  PyErr_Restore(type, value, traceback);
}

int Drain(void* /*unused*/) {
  if (!releasing) ReleaseAll(queue.exchange(nullptr, std::memory_order_acquire));
  return 0;
}

void LetGo(Owner* owner) {
  // End waits until this thread is done with the interpreter, unless it has the GIL, as End does.
  const bool ended = callers.fetch_add(1, std::memory_order_acquire) >= kEnded;
  const bool has_gil = !ended && HoldsGil();
  const bool now = has_gil && !releasing;
  if (!ended && !now) {
    owner->next = queue.load(std::memory_order_relaxed);
    while (!queue.compare_exchange_weak(owner->next, owner, std::memory_order_release,
                                        std::memory_order_relaxed)) {
    }
    // The queue of pending calls may be full; the next Entry then does it.
    if (!has_gil) Py_AddPendingCall(&Drain, nullptr);
  }
  callers.fetch_sub(1, std::memory_order_release);
  if (now) ReleaseAll(owner);
}

std::shared_ptr<void> Share(Owner* owner) try {
  return {owner, [](Owner* last) { LetGo(last); }};
} catch (const std::bad_alloc&) {  // the deleter has been called
  PyErr_NoMemory();
  return nullptr;
}

Owner* NewOwner() {
  auto* const owner = new (std::nothrow) Owner;
  if (owner == nullptr) PyErr_NoMemory();
  return owner;
}

// Everything dropped from here on is leaked. Returns when no thread is adding a pending call any
// more.
PyObject* End(PyObject* /*self*/, PyObject* /*unused*/) {
  Drain(nullptr);
  callers.fetch_add(kEnded, std::memory_order_acq_rel);
  while (callers.load(std::memory_order_acquire) != kEnded) {
  }
  Py_RETURN_NONE;
}

// The counted threads do not exist in the child.
void BeginChild() {
  callers.store(callers.load(std::memory_order_relaxed) >= kEnded ? kEnded : 0,
                std::memory_order_relaxed);
}

}  // namespace

Entry::Entry() {
  if (queue.load(std::memory_order_relaxed) != nullptr && callers.load() < kEnded) Drain(nullptr);
}

WithoutGil::WithoutGil() : state_(PyEval_SaveThread()) {}
WithoutGil::~WithoutGil() {
  try {
    PyEval_RestoreThread(state_);
  } catch (...) {  // pthread_exit, which ends the program at a destructor
    while (true) pause();
  }
}

std::shared_ptr<void> KeepExport(PyObject* object, int flags, Py_buffer* view) {
  Owner* const owner = NewOwner();
  if (owner == nullptr) return nullptr;
  if (PyObject_GetBuffer(object, &owner->view, flags) != 0) {
    delete owner;
    return nullptr;
  }
  *view = owner->view;
  return Share(owner);
}

std::shared_ptr<void> KeepObject(PyObject* object) {
  Owner* const owner = NewOwner();
  if (owner == nullptr) return nullptr;
  owner->object = Py_NewRef(object);
  return Share(owner);
}

std::shared_ptr<void> KeepCall(void (*release)(void*), void* argument) try {
  Owner* const owner = NewOwner();
  if (owner == nullptr) return nullptr;
  // Armed after sharing: making the control block may fail.
  std::shared_ptr<void> shared = Share(owner);
  if (shared == nullptr) return nullptr;
  owner->argument = argument;
  owner->release = release;
  return shared;
} catch (const std::bad_alloc&) {
  PyErr_NoMemory();
  return nullptr;
}

bool RequireMainInterpreter() {
  if (PyInterpreterState_GetID(PyInterpreterState_Get()) == 0) return true;
  PyErr_SetString(PyExc_ImportError, "alkaid works only in the main interpreter of a process");
  return false;
}

bool StartOwners() {
  for (const char* const name : {"PyThreadState_GetUnchecked", "_PyThreadState_UncheckedGet"}) {
    void* const function = dlsym(RTLD_DEFAULT, name);
    if (function == nullptr) continue;
    state_with_gil = reinterpret_cast<PyThreadState* (*)()>(function);
    break;
  }
  if (pthread_atfork(nullptr, nullptr, &BeginChild) != 0) {
    PyErr_NoMemory();
    return false;
  }
  static PyMethodDef end = {"_end", &End, METH_NOARGS, nullptr};
  const Ref function(PyCFunction_New(&end, nullptr));
  const Ref atexit(PyImport_ImportModule("atexit"));
  if (!function || !atexit) return false;
  return static_cast<bool>(Ref(PyObject_CallMethod(atexit.get(), "register", "O", function.get())));
}

}  // namespace alkaid::python
