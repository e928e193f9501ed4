#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {

constinit thread_local TrackingThread tracking_thread
    __attribute__((tls_model("initial-exec"))) = {};

// The C library knows the id and notes it in a mutex that the thread holds. The system call may not be
// open to a program any more: a filter of seccomp allows what malloc needs, and ends it for more.
uint32_t AskThreadId() {
#if defined(__GLIBC__) && !defined(__SANITIZE_THREAD__)
  pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
  pthread_mutex_lock(&mutex);
  tracking_thread.id = static_cast<uint32_t>(mutex.__data.__owner);
  pthread_mutex_unlock(&mutex);
  if (tracking_thread.id != 0) return tracking_thread.id;
#endif
  tracking_thread.id = static_cast<uint32_t>(syscall(SYS_gettid));
  return tracking_thread.id;
}

}  // namespace alkaid::heap
