// What C++ keeps of Python: exports of objects whose bytes a Buffer shows.
//
// A Buffer is destroyed on the thread that drops its last slice. That thread may or may not hold
// the GIL, and Python may not know it. Waiting for the GIL there can last for ever: for a thread
// that waits for this one, or for an interpreter that has ended. So nothing here waits for it. A
// thread that holds the GIL releases an owner at once, and keeps an exception that is set. Without
// the GIL the owner is queued. The queue is emptied by a pending call of the interpreter, and at
// each entry into this module. If owners hold one another, each is released after the one before is
// done, so a chain of them takes no stack.
//
// After the module's exit handler everything is leaked. A forked child continues with the queue;
// what another thread was about to queue is leaked.
//
// Threads: any, with or without the GIL. Only one interpreter: see RequireMainInterpreter.
#pragma once

#include <memory>

#include "stable_python.h"

namespace alkaid::python {

// Place it at the top of every function that Python calls and that may make or drop a Buffer.
// Empties the queue.
class Entry {
 public:
  Entry();
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
};

// Releases the GIL for its lifetime. A daemon thread that wants it back from an interpreter that
// has ended never returns: CPython would unwind its stack through functions that cannot be unwound.
class WithoutGil {
 public:
  WithoutGil();
  ~WithoutGil();
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* state_;
};

// Keeps an export of `object` until the last copy of the result is gone; `*view` describes the
// export. Null and a Python error if the object does not export contiguous bytes. Needs the GIL.
std::shared_ptr<void> KeepExport(PyObject* object, int flags, Py_buffer* view);
// The same with a plain reference.
std::shared_ptr<void> KeepObject(PyObject* object);

// Calls `release(argument)` with the GIL once the last copy of the result is gone: for objects of
// other modules, whose functions may wait for the GIL themselves. Null and a Python error if there
// is no memory; `release` is then not called.
std::shared_ptr<void> KeepCall(void (*release)(void*), void* argument);

// Returns false, with an ImportError, in an interpreter other than the first: any thread that finds
// owners releases them, and must belong to their interpreter.
bool RequireMainInterpreter();

// Called once when the module is made. Returns false, with an error, if the exit handler cannot be
// registered.
bool StartOwners();

}  // namespace alkaid::python
