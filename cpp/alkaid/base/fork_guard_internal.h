// Locks that a fork never leaves held in the child.
//
// A child has only the thread that forked; a lock that another thread held at that moment would
// stay held for ever. A ForkGuard takes its lock just before a fork and lets it go just after, in
// parent and child.
//
// Ownership: guards and their locks have static lifetime and are never destroyed. Threads: any. The
// guarded locks are leaves: code that holds one takes no other guarded lock but innermost ones,
// which is what keeps fork free of deadlock.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <new>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// How near to the fork itself a guard's actions run.
enum class ForkOrder {
  kUsual,
  // After all others have prepared, and before all others go on: for a lock that may be taken while
  // any other is held, as an allocation's is.
  kInnermost,
};

// Registers three actions around every later fork of this process. `child` runs in the new process,
// before fork returns.
// Out of memory: aborts, since a lock without its guard could hang a child much later.
ALKAID_EXPORT void GuardFork(std::function<void()> prepare, std::function<void()> parent,
                             std::function<void()> child, ForkOrder order = ForkOrder::kUsual);

// Registers with the C library what runs the actions, as the first GuardFork does. Handlers of the
// program that are registered later have prepared before the actions do, and may wait for threads
// that take the guarded locks; those from before may not.
// Out of memory: aborts.
ALKAID_EXPORT void InstallForkGuard();

// How many forks lie between the process that first asked and this one. What a thread or the kernel
// does for a process does not come along into a child: an object that remembers the number of its
// birth knows by it that it is in one.
// Out of memory: aborts at the first call, as GuardFork.
ALKAID_EXPORT uint64_t ForkGeneration();

// A mutex that a fork takes by Prepare, and gives back by GoOn in the parent and GoOnInChild. Needs
// no constructor.
//
// A host's own handler may run after Prepare, and wait for a thread that allocates or frees. What
// such a thread may come to takes the lock by LockUnlessForking, and does without it.
template <typename Mutex>
class ForkMutex {
 public:
  constexpr ForkMutex() = default;
  ForkMutex(const ForkMutex&) = delete;
  ForkMutex& operator=(const ForkMutex&) = delete;

  void lock() { mutex_.lock(); }
  bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }
  void lock_shared() { mutex_.lock_shared(); }
  void unlock_shared() { mutex_.unlock_shared(); }
  // False, without the lock, while a fork has it. Waits for other threads that do.
  bool LockUnlessForking() {
    while (!mutex_.try_lock()) {
      if (forking_.load(std::memory_order_acquire)) return false;
      sched_yield();
    }
    return true;
  }

  void Prepare() {
    forking_.store(true,
                   std::memory_order_release);  // also for those that wait for the lock already
    mutex_.lock();
  }
  void GoOn() {
    forking_.store(false, std::memory_order_release);
    mutex_.unlock();
  }
  // A lock that counts its readers goes on counting those that waited for the fork to be over, and
  // they did not come along: a writer would wait for them for ever. So it is made anew.
  void GoOnInChild() {
    GoOn();
    if constexpr (requires(Mutex & mutex) { mutex.lock_shared(); }) new (&mutex_) Mutex;
  }

 private:
  Mutex mutex_;
  std::atomic<bool> forking_{false};
};

// One with its guard. Construct it once, in a leaked or static object.
template <typename Mutex>
class ForkGuarded : public ForkMutex<Mutex> {
 public:
  ForkGuarded() {
    GuardFork([this] { this->Prepare(); }, [this] { this->GoOn(); },
              [this] { this->GoOnInChild(); });
  }
};

}  // namespace alkaid::internal
