// Options of readers from Python: where to read, and what to do about faults.
//
// Threads: with the GIL held.
#pragma once

#include <vector>

#include "alkaid/dgram/fault_policy.h"
#include "stable_python.h"

namespace alkaid::python {

// "stop", "skip-datagram" or "resync"; None means "stop". A ValueError for others.
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

// What a reader left out while the GIL was not held; reported once it is held again.
class Skips {
 public:
  // `callable` (borrowed), or None. A TypeError for anything else.
  bool Set(PyObject* callable);
  // The callback for a reader's options; it points to this object. Null if nobody is to be
  // notified.
  dgram::OnSkip Collect();
  // Calls `callable` with an alkaid.Skipped for each. Returns false after an error; the rest is
  // reported the next time.
  bool Tell();
  // For the collector: the callable may in turn hold the reader.
  int Traverse(visitproc visit, void* arg) const;
  void Clear();

 private:
  Ref callable_;
  std::vector<dgram::Skipped> waiting_;
};

}  // namespace alkaid::python
