// Who listens to events of one family: observers, each with the kinds of event that it wants.
//
// Add replaces the list, and Remove strikes its observer out of the list that there is, which takes
// no memory. A thread that reads a list counts itself in on a cache line that few others share, so
// telling takes no lock and observers' own locks meet none of ours: a thread may fork, and another
// wait for whatever the forking one holds, while it is inside an observer.
//
// An observer must not throw: TellAll is noexcept, so an exception that leaves one ends the program
// by std::terminate where it was thrown. Most events come from destructors, out of which no
// exception can pass; and one that passed through an allocation would lose its block.
//
// Remove blocks until every thread that could have met the observer has left the list. Threads that
// enter later do not delay it: a thread counts itself in under one of two phases, and Remove
// switches the phase. An observer is not told what it causes itself, which would not end.
//
// Ownership: borrows an observer from Add to Remove. A list has static lifetime and is never
// destroyed. Threads: any; Add and Remove not from inside an observer.
// Out of memory: Add throws std::bad_alloc, and nothing was added; Remove and telling allocate
// nothing.
#pragma once

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "alkaid/base/fork_guard_internal.h"

namespace alkaid::internal {

// What a thread is doing in a list: how deep it is inside observers, and in which.
struct TellingObserver {
  const void* observer;
  const TellingObserver* outer;
};
struct TellingThread {
  const TellingObserver* innermost;
  uint16_t depths[2];  // by phase; together at most one more than there are observers
  uint32_t slot;       // 1 + the index of its Slot; 0: none yet
};

// `this_thread`: gives the calling thread's TellingThread of this list.
template <typename Observer, TellingThread& (*this_thread)()>
class ListenerList {
 public:
  // Threads beyond so many share the lines on which they count themselves in.
  static constexpr uint32_t kSlots = 64;

  struct Listener {
    std::atomic<Observer*> observer;  // null: removed
    uint8_t kinds;

    Listener(Observer* of, uint8_t wanted) : observer(of), kinds(wanted) {}
    Listener(const Listener& other)
        : observer(other.observer.load(std::memory_order_relaxed)), kinds(other.kinds) {}
  };
  using Listeners = std::vector<Listener>;

  ListenerList() {
    GuardFork([] {}, [] {}, [this] { ForgetOtherThreads(); });
  }

  template <typename Tell>
  void TellAll(uint8_t kind, Tell tell) noexcept {
    TellingThread& thread = this_thread();
    const uint32_t phase = phase_.load(std::memory_order_relaxed);
    std::atomic<uint32_t>& readers = OwnSlot(&thread).readers[phase];
    readers.fetch_add(1, std::memory_order_seq_cst);
    ++thread.depths[phase];
    for (const Listener& listener : *current_.load(std::memory_order_seq_cst)) {
      if ((listener.kinds & kind) == 0) continue;
      // Either this sees that it was removed, or Remove sees this thread and waits for it.
      Observer* const observer = listener.observer.load(std::memory_order_seq_cst);
      if (observer == nullptr || IsTelling(thread, observer)) continue;
      const TellingObserver telling = {observer, thread.innermost};
      thread.innermost = &telling;
      tell(observer);
      thread.innermost = telling.outer;
    }
    --thread.depths[phase];
    readers.fetch_sub(1, std::memory_order_release);
  }

  // An observer that is there already is not added again; one that is not there is not removed.
  // `set_switches` is given the new list before it counts.
  template <typename SetSwitches>
  void Add(Observer* observer, uint8_t kinds, SetSwitches set_switches) {
    std::unique_ptr<const Listeners> old;
    {
      const std::lock_guard guard(lock_);
      const Listeners& current = *current_.load(std::memory_order_relaxed);
      if (Find(current, observer) != nullptr) return;
      auto fresh = std::make_unique<Listeners>();
      fresh->reserve(current.size() + 1);
      for (const Listener& listener : current) {
        if (listener.observer.load(std::memory_order_relaxed) != nullptr) {
          fresh->push_back(listener);
        }
      }
      fresh->emplace_back(observer, kinds);
      set_switches(*fresh);
      old.reset(current_.exchange(fresh.release(), std::memory_order_seq_cst));
    }
    WaitForReaders();
  }
  template <typename SetSwitches>
  void Remove(Observer* observer, SetSwitches set_switches) noexcept {
    {
      const std::lock_guard guard(lock_);
      Listeners& current = *current_.load(std::memory_order_relaxed);
      Listener* const known = Find(current, observer);
      if (known != nullptr) known->observer.store(nullptr, std::memory_order_seq_cst);
      set_switches(current);
    }
    WaitForReaders();
  }

  static bool AnybodyWants(const Listeners& listeners, uint8_t kind) {
    return std::ranges::any_of(listeners, [kind](const Listener& l) {
      return (l.kinds & kind) != 0 && l.observer.load(std::memory_order_relaxed) != nullptr;
    });
  }

 private:
  struct alignas(64) Slot {
    std::atomic<uint32_t> readers[2]{0, 0};  // by phase
  };

  template <typename List>
  static auto Find(List& listeners, const Observer* observer) -> decltype(listeners.data()) {
    for (auto& listener : listeners) {
      if (listener.observer.load(std::memory_order_relaxed) == observer) return &listener;
    }
    return nullptr;
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

  // A thread that has the old list counted itself in before the list was changed, under either
  // phase: it may have been slow to do so. So both have to be seen empty; and each while the other
  // is the current one, for then no thread comes into it twice.
  void WaitForReaders() {
    // Not a ForkGuarded lock: a fork inside an observer would wait for whoever waits for it.
    while (waiting_.exchange(true, std::memory_order_acquire)) sched_yield();
    const uint32_t phase = phase_.load(std::memory_order_relaxed);
    WaitForPhase(1 - phase);
    phase_.store(1 - phase, std::memory_order_seq_cst);
    WaitForPhase(phase);
    waiting_.store(false, std::memory_order_release);
  }
  void WaitForPhase(uint32_t phase) {
    for (Slot& slot : slots_) {
      while (slot.readers[phase].load(std::memory_order_seq_cst) != 0) sched_yield();
    }
  }

  // In a forked child, where this is the only thread.
  void ForgetOtherThreads() {
    TellingThread& thread = this_thread();
    for (const uint32_t phase : {0, 1}) {
      for (Slot& slot : slots_) slot.readers[phase].store(0, std::memory_order_relaxed);
      OwnSlot(&thread).readers[phase].store(thread.depths[phase], std::memory_order_relaxed);
    }
    waiting_.store(false, std::memory_order_relaxed);
  }

  ForkGuarded<std::mutex> lock_;  // of whoever changes the list; never held while one is told
  std::atomic<Listeners*> current_{new Listeners};
  std::atomic<uint32_t> phase_{0};    // under which threads count themselves in
  std::atomic<bool> waiting_{false};  // somebody is in WaitForReaders
  std::atomic<uint32_t> next_slot_{0};
  std::array<Slot, kSlots> slots_;
};

}  // namespace alkaid::internal
