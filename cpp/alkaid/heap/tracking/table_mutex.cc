#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/table_mutex_internal.h"

namespace alkaid::heap {
namespace {

// A waiting thread looks again after this time: the thread that unlocked may not have woken it.
constexpr long kLookAgainNanoseconds = 5'000'000;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

void SpinningMutex::LockTaken() {
  const int kept = errno;
  while (state_.exchange(kAwaited, std::memory_order_acquire) != kFree) {
    if (MayWait()) {
      const timespec most = {0, kLookAgainNanoseconds};
      ::syscall(SYS_futex, &state_, FUTEX_WAIT_PRIVATE, uint32_t{kAwaited}, &most, nullptr, 0);
      continue;
    }
    while (state_.load(std::memory_order_relaxed) != kFree) Pause();
  }
  errno = kept;
}

void SpinningMutex::Wake() {
  if (!MayWait()) return;
  const int kept = errno;
  ::syscall(SYS_futex, &state_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  errno = kept;
}

}  // namespace alkaid::heap
