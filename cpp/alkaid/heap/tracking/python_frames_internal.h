// PythonFrames: the Python functions of the calling thread, put among its native frames.
//
// Where an interpreter of a known version (python_layout_internal.h) is in the process, each native
// frame of its evaluation loop gives its place to the Python functions that ran in it. They are
// known by where the loop's own record lies on the C stack, not by its name, so it may be inlined,
// split or stripped. What lies beyond the last native frame, where an unwinder came no further,
// follows it.
//
// The interpreter is not asked for its lock, and what it says is not trusted: before a page is read
// the kernel is asked whether it is there; types are compared; a chain that is damaged ends, and
// one that is a ring too. What cannot be read stays native. The one function of Python's that is
// called, PyGILState_GetThisThreadState, reads a thread-specific pointer.
//
// A system call for each page that a walk reads, some ten for a stack of ten functions, in a thread
// of Python, and none in any other. None on a thread under a filter that forbids them, as far as
// that is known (confinement_internal.h).
//
// Ownership: none. Threads: Weave, any, inside malloc too; what else there is, one at a time. Out
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
  // Names of the interpreter, as the dynamic linker has them.
  struct Interpreter {
    void* (*thread_state)() = nullptr;  // PyGILState_GetThisThreadState
    uint64_t version = 0;               // Py_Version; 0: of before 3.11
    bool free_threaded = false;         // without the global lock: laid out otherwise
    uint64_t code_type = 0;             // address of PyCode_Type
    uint64_t unicode_type = 0;          // of PyUnicode_Type
    uint64_t loop_start = 0;            // of _PyEval_EvalFrameDefault; 0: not known
    uint64_t loop_end = 0;
  };

  explicit constexpr PythonFrames(PythonPlaces* places) : places_(places) {}

  // Looks for an interpreter in the process, and keeps it loaded. Takes the dynamic linker's lock:
  // when the library is loaded, so that a forked child need not.
  void Look();
  // Looks again where there was none, but not in a forked child. One whose version is not known is
  // said on stderr, once. Returns whether Weave can be called.
  bool Find();
  // The same, of this one.
  bool Use(const Interpreter& interpreter);

  // Fills `woven` from native frames, innermost first, and what their stack pointers are
  // (CaptureStackPlaces). Returns how many; where there is nothing of Python they are the native
  // ones.
  size_t Weave(std::span<const uint64_t> frames, const uint64_t* stack_pointers,
               std::span<uint64_t> woven);

 private:
  class Walk;

  PythonPlaces* const places_;
  Interpreter found_;
  Interpreter interpreter_;  // from when there is a layout on
  std::atomic<const PythonLayout*> layout_{nullptr};
  std::atomic<bool> said_{false};
};

}  // namespace alkaid::heap
