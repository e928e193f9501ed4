// What C++ keeps of Python: exports of objects whose bytes a Buffer shows.
//
// A Buffer goes on whichever thread lets its last slice go, and that thread may hold the GIL, or
// not, or be one that Python never saw. Waiting for the GIL there can wait for ever: for a thread
// that waits for this one, or for an interpreter that has ended. So nothing here waits for it. What
// is let go by a thread that has the GIL is released at once, an exception that is set being kept.
// What is let go without it is queued; the queue is emptied by a pending call of the interpreter,
// and at each entry of this module. Of owners that hold one another each is released when the one
// before is done, so a chain of them takes no stack.
//
// From the module's exit handler on everything is leaked. A forked child goes on with the queue;
// what another thread was about to put there is leaked.
//
// Threads: any, with or without the GIL. One interpreter: see RequireMainInterpreter.
#pragma once

#include <memory>

#include "stable_python.h"

namespace alkaid::python {

// At the top of every function that Python calls and which may make or let go a Buffer. Empties the
// queue.
class Entry {
 public:
  Entry();
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
};

// Lets the GIL go for its lifetime. A daemon thread that wants it back from an interpreter that has
// ended never returns: CPython would unwind its stack, through functions that may not be unwound.
class WithoutGil {
 public:
  WithoutGil();
  ~WithoutGil();
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* state_;
};

// Keeps an export of `object` until the last copy goes, and says in `*view` what it exports. Null
// and a Python error where the object exports no contiguous bytes. Needs the GIL.
std::shared_ptr<void> KeepExport(PyObject* object, int flags, Py_buffer* view);
// The same with a plain reference.
std::shared_ptr<void> KeepObject(PyObject* object);

// Calls `release(argument)` with the GIL once the last copy goes: for what other modules gave, whose
// functions may wait for the GIL themselves. Null and a Python error where there is no memory; it is
// not called then.
std::shared_ptr<void> KeepCall(void (*release)(void*), void* argument);

// False, with an ImportError, in an interpreter other than the first: owners are released by
// whichever thread finds them, which has to be one of their own interpreter.
bool RequireMainInterpreter();

// Called once when the module is made: false, with an error, where the exit handler cannot be
// registered.
bool StartOwners();

}  // namespace alkaid::python
