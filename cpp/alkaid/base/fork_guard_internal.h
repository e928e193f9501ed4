// Locks that a fork never leaves held in the child.
//
// A forked child has only the thread that called fork; a lock that another thread held at that
// moment would stay held for ever. A ForkGuard takes its lock just before a fork and releases it
// just after, in parent and child.
//
// Ownership: guards and their locks have static lifetime and are never destroyed. Threads: any. The
// guarded locks are leaves: code that holds one takes no other guarded lock, except innermost ones.
// That keeps fork free of deadlock.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <new>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// How close to the fork itself a guard's actions run.
enum class ForkOrder {
  kUsual,
  // Prepares after all other guards, and goes on before them. For a lock that may be taken while
  // any other is held, such as an allocation's.
  kInnermost,
};

// Registers three actions around every later fork of this process. `child` runs in the new process,
// before fork returns.
// Out of memory: aborts, since a lock without its guard could hang a child much later.
ALKAID_EXPORT void GuardFork(std::function<void()> prepare, std::function<void()> parent,
                             std::function<void()> child, ForkOrder order = ForkOrder::kUsual);

// Registers the handler that runs the actions with the C library; the first GuardFork does so too.
// Prepare handlers that the program registers later run before the actions, so they may wait for
// threads that take the guarded locks. Those registered earlier run after the actions and may not.
// Out of memory: aborts.
ALKAID_EXPORT void InstallForkGuard();

// How many forks lie between the process that first asked and this one. A child does not inherit
// what a thread or the kernel does for its parent. An object that stores the generation in which it
// was made can see that it is now in a child.
// Out of memory: aborts at the first call, as GuardFork.
ALKAID_EXPORT uint64_t ForkGeneration();

// A mutex that a fork takes by Prepare, and releases by GoOn in the parent and GoOnInChild in the
// child. Needs no constructor.
//
// A handler of the host program may run after Prepare and wait for a thread that allocates or
// frees. Code that such a thread can reach takes the lock by LockUnlessForking, and does without it
// if that fails.
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
  // Returns false, without the lock, while a fork holds it. Waits for other threads that hold it.
  bool LockUnlessForking() {
    while (!mutex_.try_lock()) {
      if (forking_.load(std::memory_order_acquire)) return false;
      sched_yield();
    }
    return true;
  }

  void Prepare() {
    forking_.store(true,
                   std::memory_order_release);  // also for threads that already wait for the lock
    mutex_.lock();
  }
  void GoOn() {
    forking_.store(false, std::memory_order_release);
    mutex_.unlock();
  }
  // A lock that counts its readers still counts those that waited for the fork to end. They do not
  // exist in the child, and a writer would wait for them for ever. So the lock is made anew.
  void GoOnInChild() {
    GoOn();
    if constexpr (requires(Mutex & mutex) { mutex.lock_shared(); }) new (&mutex_) Mutex;
  }

 private:
  Mutex mutex_;
  std::atomic<bool> forking_{false};
};

// A ForkMutex with its guard. Construct it once, in a leaked or static object.
template <typename Mutex>
class ForkGuarded : public ForkMutex<Mutex> {
 public:
  ForkGuarded() {
    GuardFork([this] { this->Prepare(); }, [this] { this->GoOn(); },
              [this] { this->GoOnInChild(); });
  }
};

}  // namespace alkaid::internal
