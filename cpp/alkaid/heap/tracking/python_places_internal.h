// PythonPlaces: lines of Python that back-traces lead through, each by an address that no code has.
//
// A frame of a Python function takes its place among the return addresses of a back-trace as
// kPythonPlaces + 16 * number + 1, in a range where no address of a process is. Its number leads to
// file, function and line, copied when the line was first met: the code may be gone by the time
// that somebody asks. So a back-trace stays an array of addresses, in every table and file.
//
// One is found by its key, of which several may stand for the same line: those of the instructions
// of that line, and of code that was compiled anew. They have one address.
//
// Bounded and append-only, as back-traces are.
//
// Ownership: memory of its own, mapped by Open and kept. Threads: all functions, from any thread;
// no lock is taken, so a fork has nothing to wait for. Full and out of memory: no address.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/heap_layout.h"

namespace alkaid::heap {

class ALKAID_EXPORT PythonPlaces {
 public:
  // The records and their number belong to the caller; null and 0.
  constexpr PythonPlaces(std::atomic<TrackedPythonPlace*>* places, std::atomic<uint32_t>* count)
      : places_(places), count_(count) {}
  PythonPlaces(const PythonPlaces&) = delete;
  PythonPlaces& operator=(const PythonPlaces&) = delete;

  // Maps the table, once. False out of memory.
  bool Open();

  // The place of this key, which is not 0; null where it is not there yet.
  const TrackedPythonPlace* Find(uint64_t key) const;
  // Adds it; null where there is no room. Texts are cut to kMostPythonText bytes: the end of the
  // file's name and the beginning of the function's stay. `line` kHiddenLine: not to be shown.
  const TrackedPythonPlace* Add(uint64_t key, std::string_view file, std::string_view function,
                                uint32_t line);
  // What a back-trace has for it.
  uint64_t AddressOf(const TrackedPythonPlace* place) const;

 private:
  static constexpr uint32_t kMostProbes = 64;

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
