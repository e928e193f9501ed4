// FirstMade: an object that is made at its first use and never destroyed, safe with fork.
//
// A static local variable would leave a forked child waiting for ever if another thread of its
// parent was making the object. Here no thread waits: threads that come first at the same time may
// each make one; the first that is finished stays, and the others are deleted. A child whose parent
// had none yet makes its own.
//
// Objects that only the library needs, and that any thread may need in a child, are made while the
// library is loaded instead, by a [[gnu::constructor]] function beside them.
//
// Ownership: the object that stays is the process's, and never destroyed. Threads: any; no lock is
// taken.
// Out of memory and other exceptions: as the maker; the next call tries again.
#pragma once

#include <atomic>

namespace alkaid::internal {

// For static objects: needs no initialisation.
template <typename T>
class FirstMade {
 public:
  constexpr FirstMade() = default;
  FirstMade(const FirstMade&) = delete;
  FirstMade& operator=(const FirstMade&) = delete;

  // The object that the first finished call of `make` returned: a T* that is not null.
  template <typename Make>
  T* Get(const Make& make) {
    T* first = made_.load(std::memory_order_acquire);
    if (first != nullptr) [[likely]]
      return first;
    T* const made = make();
    if (made_.compare_exchange_strong(first, made, std::memory_order_acq_rel)) return made;
    if (made != first) delete made;
    return first;
  }

 private:
  std::atomic<T*> made_{nullptr};
};

}  // namespace alkaid::internal
