// Locks that a fork never leaves held in the child.
//
// A child has only the thread that forked; a lock that another thread held at that moment would
// stay held for ever. A ForkGuard takes its lock just before a fork and lets it go just after, in
// parent and child.
//
// Ownership: guards and their locks have static lifetime and are never destroyed. Threads: any. The
// guarded locks are leaves: code that holds one takes no other guarded lock but innermost ones, which
// is what keeps fork free of deadlock.
#pragma once

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
// program that are registered later have prepared before the actions do, and may wait for threads that
// take the guarded locks; those from before may not.
// Out of memory: aborts.
ALKAID_EXPORT void InstallForkGuard();

// How many forks lie between the process that first asked and this one. What a thread or the kernel
// does for a process does not come along into a child: an object that remembers the number of its
// birth knows by it that it is in one.
// Out of memory: aborts at the first call, as GuardFork.
ALKAID_EXPORT uint64_t ForkGeneration();

// A mutex with its guard. Construct it once, in a leaked or static object.
template <typename Mutex>
class ForkGuarded {
 public:
  ForkGuarded() {
    GuardFork([this] { mutex_.lock(); }, [this] { mutex_.unlock(); }, [this] { UnlockInChild(); });
  }
  ForkGuarded(const ForkGuarded&) = delete;
  ForkGuarded& operator=(const ForkGuarded&) = delete;

  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
  void lock_shared() { mutex_.lock_shared(); }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  // A lock that counts its readers goes on counting those that waited for the fork to be over, and
  // they did not come along: a writer would wait for them for ever. So it is made anew.
  void UnlockInChild() {
    mutex_.unlock();
    if constexpr (requires(Mutex & mutex) { mutex.lock_shared(); }) new (&mutex_) Mutex;
  }

  Mutex mutex_;
};

}  // namespace alkaid::internal
