// Objects that are made at their first use and never destroyed, and that a fork does not catch
// half-made.
//
// The language's own way, a static local variable, leaves a child waiting for ever where another
// thread of its parent was making the object. A fork waits until what is being made is there.
//
// What only the library needs is made while it is loaded, before any thread can fork, by a function
// with [[gnu::constructor]] beside it. MadeOnce is for what a program may yet choose, such as its
// default pool.
//
// Ownership: the object is the process's, and never destroyed. Threads: any. Out of memory and other
// exceptions: as the maker; the next call tries again.
#pragma once

#include <atomic>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// Held while an object is made, and across forks. One for all, and a thread may take it again: making
// one object may make others.
class ALKAID_EXPORT MakingLock {
 public:
  MakingLock() { Lock(); }
  ~MakingLock() { Unlock(); }
  MakingLock(const MakingLock&) = delete;
  MakingLock& operator=(const MakingLock&) = delete;

  static void Lock();
  static void Unlock();
};

// For static objects: needs no initialisation. Not asked for the first time by a thread that holds a
// ForkGuarded lock: a fork takes those after the MakingLock.
template <typename T>
class MadeOnce {
 public:
  constexpr MadeOnce() = default;
  MadeOnce(const MadeOnce&) = delete;
  MadeOnce& operator=(const MadeOnce&) = delete;

  // What `make` returned, a T*, at the first call that did not throw.
  template <typename Make>
  T* Get(const Make& make) {
    T* made = made_.load(std::memory_order_acquire);
    if (made != nullptr) [[likely]]
      return made;
    const MakingLock lock;
    made = made_.load(std::memory_order_relaxed);
    if (made == nullptr) made_.store(made = make(), std::memory_order_release);
    return made;
  }

 private:
  std::atomic<T*> made_{nullptr};
};

}  // namespace alkaid::internal
