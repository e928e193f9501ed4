// Who listens to events of one family: observers, each with the kinds of event that it wants.
//
// The list is replaced, never changed, and a thread that reads it counts itself in on a cache line
// that few others share, so telling takes no lock and observers' own locks meet none of ours: a
// thread may fork, and another wait for whatever the forking one holds, while it is inside an
// observer. Whoever removes an observer waits until all that may have seen the old list are out. An
// observer is not told what it causes itself, which would not end.
//
// Ownership: borrows observers from the list that has them to the one that has not. A list has
// static lifetime and is never destroyed. Threads: any; Replace not from inside an observer.
// Out of memory: Replace throws std::bad_alloc; telling allocates nothing.
#pragma once

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "alkaid/base/fork_guard.h"

namespace alkaid::internal {

// What a thread is doing in a list: how deep it is inside observers, and in which.
struct TellingObserver {
  const void* observer;
  const TellingObserver* outer;
};
struct TellingThread {
  const TellingObserver* innermost;
  uint32_t depth;
  uint32_t slot;  // 1 + the index of its Slot; 0: none yet
};

// `this_thread`: gives the calling thread's TellingThread of this list.
template <typename Observer, TellingThread& (*this_thread)()>
class ListenerList {
 public:
  struct Listener {
    Observer* observer;
    uint8_t kinds;
  };
  using Listeners = std::vector<Listener>;

  ListenerList() {
    GuardFork([] {}, [] {}, [this] { ForgetOtherThreads(); });
  }

  template <typename Tell>
  void TellAll(uint8_t kind, Tell tell) {
    TellingThread& thread = this_thread();
    std::atomic<uint32_t>& readers = OwnSlot(&thread).readers;
    readers.fetch_add(1, std::memory_order_seq_cst);
    ++thread.depth;
    for (const Listener& listener : *current_.load(std::memory_order_seq_cst)) {
      if ((listener.kinds & kind) == 0 || IsTelling(thread, listener.observer)) continue;
      const TellingObserver telling = {listener.observer, thread.innermost};
      thread.innermost = &telling;
      tell(listener.observer);
      thread.innermost = telling.outer;
    }
    --thread.depth;
    readers.fetch_sub(1, std::memory_order_release);
  }

  // An observer that is there already is not added again; one that is not there is not removed.
  // `set_switches` is given the new list before it counts.
  template <typename SetSwitches>
  void Add(Observer* observer, uint8_t kinds, SetSwitches set_switches) {
    Replace(
        [=](Listeners* listeners) {
          const auto known = std::ranges::find(*listeners, observer, &Listener::observer);
          if (known == listeners->end()) listeners->push_back({observer, kinds});
        },
        set_switches);
  }
  template <typename SetSwitches>
  void Remove(Observer* observer, SetSwitches set_switches) {
    Replace(
        [observer](Listeners* listeners) {
          std::erase_if(*listeners,
                        [observer](const Listener& l) { return l.observer == observer; });
        },
        set_switches);
  }

  static bool AnybodyWants(const Listeners& listeners, uint8_t kind) {
    return std::ranges::any_of(listeners, [kind](const Listener& l) { return l.kinds & kind; });
  }

 private:
  struct alignas(64) Slot {
    std::atomic<uint32_t> readers{0};
  };
  static constexpr uint32_t kSlots = 64;

  template <typename Change, typename SetSwitches>
  void Replace(Change change, SetSwitches set_switches) {
    std::unique_ptr<const Listeners> old;
    {
      const std::lock_guard guard(lock_);
      auto fresh = std::make_unique<Listeners>(*current_.load(std::memory_order_relaxed));
      change(fresh.get());
      set_switches(*fresh);
      old.reset(current_.exchange(fresh.release(), std::memory_order_seq_cst));
    }
    WaitForReaders();
  }

  static bool IsTelling(const TellingThread& thread, const Observer* observer) {
    for (const TellingObserver* telling = thread.innermost; telling; telling = telling->outer) {
      if (telling->observer == observer) return true;
    }
    return false;
  }

  Slot& OwnSlot(TellingThread* thread) {
    if (thread->slot == 0) [[unlikely]] {
      thread->slot = 1 + next_slot_.fetch_add(1, std::memory_order_relaxed) % kSlots;
    }
    return slots_[thread->slot - 1];
  }

  // Each slot is empty at some moment: its threads are outside most of the time.
  void WaitForReaders() {
    for (Slot& slot : slots_) {
      while (slot.readers.load(std::memory_order_seq_cst) != 0) sched_yield();
    }
  }

  // In a forked child, where this is the only thread.
  void ForgetOtherThreads() {
    for (Slot& slot : slots_) slot.readers.store(0, std::memory_order_relaxed);
    TellingThread& thread = this_thread();
    OwnSlot(&thread).readers.store(thread.depth, std::memory_order_relaxed);
  }

  ForkGuarded<std::mutex> lock_;  // of whoever changes the list; never held while one is told
  std::atomic<const Listeners*> current_{new Listeners};
  std::atomic<uint32_t> next_slot_{0};
  std::array<Slot, kSlots> slots_;
};

}  // namespace alkaid::internal
