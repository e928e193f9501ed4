#include <sys/syscall.h>
#include <unistd.h>

#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {

constinit thread_local TrackingThread tracking_thread
    __attribute__((tls_model("initial-exec"))) = {};

uint32_t AskThreadId() {
  tracking_thread.id = static_cast<uint32_t>(syscall(SYS_gettid));
  return tracking_thread.id;
}

}  // namespace alkaid::heap
