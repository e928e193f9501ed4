// Python's waiting for files that are still being written: `live=True`, or seconds of silence.
//
// Threads: Stop() from any thread; the rest with the GIL held.
#pragma once

#include <atomic>
#include <memory>

#include "alkaid/core/files/live_watch.h"
#include "stable_python.h"

namespace alkaid::python {

// A watch that ends when Stop() was called or a signal handler raised, as by KeyboardInterrupt. The
// exception is set once the GIL is held again.
class LiveWaiting {
 public:
  // Sets it from the argument `live`; None and False: no watch. Returns false after an error.
  bool Set(PyObject* live);

  const std::shared_ptr<io::LiveWatch>& watch() const { return watch_; }
  void Stop() {
    if (stopped_ != nullptr) stopped_->store(true);
  }

 private:
  std::shared_ptr<std::atomic<bool>> stopped_;
  std::shared_ptr<io::LiveWatch> watch_;
};

}  // namespace alkaid::python
