#include "alkaid/base/thread_id_internal.h"
#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {

constinit thread_local TrackingThread tracking_thread
    __attribute__((tls_model("initial-exec"))) = {};

uint32_t AskThreadId() {
  SeeThread();
  return tracking_thread.id = internal::KernelThreadId();
}

}  // namespace alkaid::heap
