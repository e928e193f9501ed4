// TableMutex: the lock of the tables, for threads that may not be allowed to wait.
//
// A filter of system calls (confinement_internal.h) may end a thread for a call of futex, which
// waits for another thread or wakes one. Under such a filter a thread spins instead, and wakes no
// other. So a thread that waits looks again every few milliseconds even if it is not woken.
//
// Ownership: none. Threads: any. Out of memory: nothing is allocated.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {

// Four bytes. Without contention, one instruction to lock and one to unlock.
class SpinningMutex {
 public:
  constexpr SpinningMutex() = default;
  SpinningMutex(const SpinningMutex&) = delete;
  SpinningMutex& operator=(const SpinningMutex&) = delete;

  void lock() {
    uint32_t expected = kFree;
    if (!state_.compare_exchange_strong(expected, kTaken, std::memory_order_acquire,
                                        std::memory_order_relaxed)) [[unlikely]] {
      LockTaken();
    }
  }
  void unlock() {
    if (state_.exchange(kFree, std::memory_order_release) == kAwaited) [[unlikely]]
      Wake();
  }

 private:
  enum State : uint32_t { kFree, kTaken, kAwaited };

  ALKAID_EXPORT void LockTaken();
  ALKAID_EXPORT void Wake();

  std::atomic<uint32_t> state_{kFree};
};

// A mutex that is always open to the thread that forks, since that thread holds all of them.
class TableMutex {
 public:
  constexpr TableMutex() = default;
  TableMutex(const TableMutex&) = delete;
  TableMutex& operator=(const TableMutex&) = delete;

  void lock() {
    if (!tracking_thread.holds_tables) [[likely]]
      mutex_.lock();
  }
  void unlock() {
    if (!tracking_thread.holds_tables) [[likely]]
      mutex_.unlock();
  }
  // For the only thread of a forked child: the thread that held the lock is not in this process.
  void Renew() { new (&mutex_) Mutex; }

 private:
#if defined(__SANITIZE_THREAD__)
  using Mutex = std::mutex;  // ThreadSanitizer checks the lock order of these only
#else
  using Mutex = SpinningMutex;
#endif
  Mutex mutex_;
};

}  // namespace alkaid::heap
