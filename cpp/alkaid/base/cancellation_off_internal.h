// CancellationOff: keeps the calling thread from being cancelled (pthread_cancel) during the
// library's own work. A cancellation unwinds the stack. That would leave files half made and others
// waiting for this thread, and would end the program at a function that lets no exception through.
// A cancellation that comes during the scope stays pending, and takes effect afterwards.
//
// Ownership: a scope; it restores the previous state. Threads: the calling one, also in signal
// handlers. Out of memory: nothing is allocated. It makes no system call.
#pragma once

#include <pthread.h>

namespace alkaid::internal {

class CancellationOff {
 public:
  CancellationOff() { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~CancellationOff() { ::pthread_setcancelstate(before_, nullptr); }
  CancellationOff(const CancellationOff&) = delete;
  CancellationOff& operator=(const CancellationOff&) = delete;

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;
};

}  // namespace alkaid::internal
