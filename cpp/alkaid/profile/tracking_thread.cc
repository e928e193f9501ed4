#include <sys/syscall.h>
#include <unistd.h>

#include "alkaid/profile/tracking_thread_internal.h"

namespace alkaid::profile {

constinit thread_local TrackingThread tracking_thread
    __attribute__((tls_model("initial-exec"))) = {};

uint32_t AskThreadId() {
  tracking_thread.id = static_cast<uint32_t>(syscall(SYS_gettid));
  return tracking_thread.id;
}

}  // namespace alkaid::profile
