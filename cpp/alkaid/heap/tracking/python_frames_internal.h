// PythonFrames: puts the Python functions of the calling thread among its native frames.
//
// If an interpreter of a known version (python_layout_internal.h) is in the process, the Python
// functions replace the native frame of the evaluation loop that ran them:
//
//     native:  my_module.so | eval loop    | libpython | eval loop | main
//     woven:   my_module.so | f() g()      | libpython | h()       | main
//
// A loop's frame is found by the place of the loop's own record on the C stack, not by its name, so
// the loop may be inlined, split or stripped. If the unwinder stopped early, the functions beyond
// the last native frame follow it.
//
// The interpreter's lock is not taken, and its data is not trusted: before a page is read, the
// kernel is asked whether it is mapped; types are compared; a damaged chain ends, and so does a
// cyclic one. What cannot be read stays native. The only Python function that is called,
// PyGILState_GetThisThreadState, reads a thread-specific pointer.
//
// Cost on a Python thread: one system call for each page that a walk reads, about ten for a stack
// of ten functions. None on other threads, nor on a thread that is known to be under a filter that
// forbids them (confinement_internal.h).
//
// Ownership: none. Threads: Weave, any, inside malloc too; all other functions, one at a time. Out
// of memory: nothing is allocated.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/python_layout_internal.h"
#include "alkaid/heap/tracking/python_places_internal.h"

namespace alkaid::heap {

class ALKAID_EXPORT PythonFrames {
 public:
  // Symbols of the interpreter, from the dynamic linker.
  struct Interpreter {
    void* (*thread_state)() = nullptr;  // PyGILState_GetThisThreadState
    uint64_t version = 0;               // Py_Version; 0: before 3.11
    bool free_threaded = false;         // without the global lock: another layout
    uint64_t code_type = 0;             // address of PyCode_Type
    uint64_t unicode_type = 0;          // of PyUnicode_Type
    uint64_t loop_start = 0;            // of _PyEval_EvalFrameDefault; 0: not known
    uint64_t loop_end = 0;
  };

  explicit constexpr PythonFrames(PythonPlaces* places) : places_(places) {}

  // Looks for an interpreter in the process, and keeps it loaded. Takes the dynamic linker's lock,
  // so it is called when the library is loaded: a forked child then need not call it.
  void Look();
  // Looks again if there was none, but not in a forked child. Reports an interpreter of an unknown
  // version on stderr, once. Returns whether Weave can replace frames.
  bool Find();
  // The same, for this interpreter.
  bool Use(const Interpreter& interpreter);

  // Fills `woven` from native frames, innermost first, and their stack pointers
  // (CaptureStackPlaces). Returns how many; without Python functions they are the native frames.
  size_t Weave(std::span<const uint64_t> frames, const uint64_t* stack_pointers,
               std::span<uint64_t> woven);

 private:
  class Walk;

  PythonPlaces* const places_;
  Interpreter found_;
  Interpreter interpreter_;  // valid once `layout_` is set
  std::atomic<const PythonLayout*> layout_{nullptr};
  std::atomic<bool> said_{false};
};

}  // namespace alkaid::heap
