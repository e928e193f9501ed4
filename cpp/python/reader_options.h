// What readers take from Python: where to read, and what to do about faults.
//
// Threads: with the GIL held.
#pragma once

#include <vector>

#include "alkaid/dgram/fault_policy.h"
#include "stable_python.h"

namespace alkaid::python {

// "stop", "skip-datagram" or "resync"; None is the first. A ValueError for others.
bool AsOnFault(PyObject* text, dgram::OnFault* out);

// Sets `flag` for its lifetime.
class Flag {
 public:
  explicit Flag(bool* flag) : flag_(flag) { *flag_ = true; }
  ~Flag() { *flag_ = false; }
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;

 private:
  bool* flag_;
};

// What a reader left out while the GIL was not held, told once it is again.
class Skips {
 public:
  // `callable` (borrowed), or None. A TypeError for anything else.
  bool Set(PyObject* callable);
  // What goes into the options of a reader; it points here. Null where nobody is to be told.
  dgram::OnSkip Collect();
  // Calls it with an alkaid.Skipped for each. False after an error; the rest is told the next time.
  bool Tell();
  // For the collector: the callable may hold the reader in turn.
  int Traverse(visitproc visit, void* arg) const;
  void Clear();

 private:
  Ref callable_;
  std::vector<dgram::Skipped> waiting_;
};

}  // namespace alkaid::python
