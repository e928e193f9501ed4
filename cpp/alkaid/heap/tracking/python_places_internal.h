// PythonPlaces: the Python lines on stack traces, each with an address that no code can have.
//
// A Python function is a frame of a stack trace as the address kPythonPlaces + 16 * number + 1, in
// a range that no process uses. Its number leads to file, function and line, which are copied when
// the line is first met, since the code may be gone when a reader asks. So a stack trace remains an
// array of addresses in every table and file.
//
// A place is found by its key. Several keys may stand for the same line: those of all its
// instructions, and of code that was compiled again. They share one address.
//
// Bounded and append-only, like stack traces.
//
// Ownership: its own memory, mapped by Open and kept. Threads: all functions, from any thread; no
// lock is taken, so a fork waits for nothing. Full and out of memory: no address.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/heap_layout.h"

namespace alkaid::heap {

class ALKAID_EXPORT PythonPlaces {
 public:
  // Both belong to the caller; `*places` is null and `*count` is 0.
  constexpr PythonPlaces(std::atomic<TrackedPythonPlace*>* places, std::atomic<uint32_t>* count)
      : places_(places), count_(count) {}
  PythonPlaces(const PythonPlaces&) = delete;
  PythonPlaces& operator=(const PythonPlaces&) = delete;

  // Maps the table, once. False out of memory.
  bool Open();

  // The place of this key, which is not 0; null if it is not added yet.
  const TrackedPythonPlace* Find(uint64_t key) const;
  // Adds a place; null if there is no room. Texts are cut to kMaxPythonText bytes: the end of the
  // file's name and the beginning of the function's are kept. `line` kHiddenLine: not shown.
  const TrackedPythonPlace* Add(uint64_t key, std::string_view file, std::string_view function,
                                uint32_t line);
  // The address of the place in a stack trace.
  uint64_t AddressOf(const TrackedPythonPlace* place) const;

 private:
  static constexpr uint32_t kMaxProbes = 64;

  const TrackedPythonPlace* Insert(uint64_t key, const TrackedPythonPlace* stands_for,
                                   uint32_t line, std::string_view file, std::string_view function);
  const char* Keep(std::string_view file, std::string_view function);
  uint32_t NumberOf(const TrackedPythonPlace* place) const;

  std::atomic<TrackedPythonPlace*>* const places_;
  std::atomic<uint32_t>* const count_;
  std::atomic<char*> texts_{nullptr};
  std::atomic<uint64_t> texts_used_{0};
};

}  // namespace alkaid::heap
