// Keeps the calling thread from being cancelled (pthread_cancel) in what this library does on its own
// account. A cancellation unwinds the stack, which would leave files half made, others waiting for
// this thread, and ends the program where it comes to a function that lets nothing through. One that
// comes meanwhile stays pending, and is the program's again afterwards.
//
// Ownership: a scope's; it restores what was. Threads: the calling one, in signal handlers too. Out
// of memory: nothing is allocated. It makes no system call.
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
