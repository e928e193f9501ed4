#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alkaid/base/thread_id_internal.h"

namespace alkaid::internal {

// The C library knows the id and stores it in a mutex that the thread holds.
uint32_t KernelThreadId() {
#if defined(__GLIBC__) && !defined(__SANITIZE_THREAD__)
  pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
  pthread_mutex_lock(&mutex);
  const auto id = static_cast<uint32_t>(mutex.__data.__owner);
  pthread_mutex_unlock(&mutex);
  if (id != 0) return id;
#endif
  return static_cast<uint32_t>(syscall(SYS_gettid));
}

}  // namespace alkaid::internal
