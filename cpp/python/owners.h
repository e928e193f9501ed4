// What C++ keeps of Python: exports of objects whose bytes a Buffer shows.
//
// A Buffer goes on whichever thread lets its last slice go, and that thread may hold the GIL, or
// not, or be one that Python never saw. Waiting for the GIL there can wait for ever: for a thread
// that waits for this one, or for an interpreter that has ended. So nothing here waits for it. What
// is let go without the GIL is queued; the queue is emptied by a pending call of the interpreter,
// and at each entry of this module. After the interpreter's exit handlers ran it is left alone.
//
// Threads: any, with or without the GIL.
#pragma once

#include <memory>

#include "stable_python.h"

namespace alkaid::python {

// Where this thread certainly holds the GIL: at the top of every function that Python calls and
// which may let a Buffer go. Empties the queue.
class Entry {
 public:
  Entry();
  ~Entry();
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
};

// Lets the GIL go for its lifetime, inside an Entry.
class WithoutGil {
 public:
  WithoutGil();
  ~WithoutGil();
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* state_;
  int depth_;
};

// Keeps an export of `object` until the last copy goes, and says in `*view` what it exports. Null
// and a Python error where the object exports no contiguous bytes. Needs the GIL.
std::shared_ptr<void> KeepExport(PyObject* object, int flags, Py_buffer* view);
// The same with a plain reference.
std::shared_ptr<void> KeepObject(PyObject* object);

// Called once when the module is made: false, with an error, where the exit handler cannot be
// registered.
bool StartOwners();

}  // namespace alkaid::python
