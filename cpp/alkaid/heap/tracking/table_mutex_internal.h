// TableMutex: the lock of the tables, for threads that may not be allowed to wait.
//
// A filter of system calls (confinement_internal.h) may end a thread for the call that waits for
// another or wakes one (futex). Such a thread spins instead, and wakes nobody. So one that does wait
// looks again every few milliseconds, whether it is woken or not.
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

// Four bytes; where nobody else has it, an instruction to take and one to give back.
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

// A mutex that the thread which forks finds open, since it took them all.
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
  // For the only thread of a process: whoever held it did not come along.
  void Renew() { new (&mutex_) Mutex; }

 private:
#if defined(__SANITIZE_THREAD__)
  using Mutex = std::mutex;  // in which order locks are taken is only seen of these
#else
  using Mutex = SpinningMutex;
#endif
  Mutex mutex_;
};

}  // namespace alkaid::heap
