// A list of observers of one family of events, each with the kinds of event that it wants.
//
//   current_ --> [ A, kinds ][ null, kinds ][ C, kinds ]     null: was removed
//   slots_[64]:  readers[2]    how many threads are inside NotifyAll, by the phase they entered under
//
// Add replaces the list. Remove sets the observer's entry to null, which takes no memory. A thread
// that reads the list counts itself in on a cache line that few other threads share. So notifying
// takes no lock: a thread may fork inside an observer, and observers' own locks never wait for one
// of ours.
//
// Remove blocks until every thread that could have met the observer has left the list. Threads that
// enter later do not delay it: a thread counts itself in under one of two phases, and each Remove
// (and Add) switches the phase.
//
// An observer is not notified of what it causes itself, which would never end. It must not throw:
// NotifyAll is noexcept, so an exception that leaves an observer ends the program by std::terminate
// at the place of the throw. Most events come from destructors, which no exception can leave; and
// one that passed through an allocation would lose its block.
//
// Ownership: borrows an observer from Add to Remove. A list has static lifetime and is never
// destroyed. Threads: any; Add and Remove not from inside an observer.
// Out of memory: Add throws std::bad_alloc and adds nothing; Remove and NotifyAll allocate nothing.
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

// What a thread is doing in a list: how many observers deep it is, and inside which ones.
struct TellingObserver {
  const void* observer;
  const TellingObserver* outer;
};
struct NotifyingThread {
  const TellingObserver* innermost;
  uint16_t depths[2];  // by phase; together at most one more than there are observers
  uint32_t slot;       // 1 + the index of its Slot; 0: none yet
};

// `this_thread`: gives the calling thread's NotifyingThread of this list.
template <typename Observer, NotifyingThread& (*this_thread)()>
class ObserverList {
 public:
  // More threads than this share the cache lines on which they count themselves in.
  static constexpr uint32_t kSlots = 64;

  struct Entry {
    std::atomic<Observer*> observer;  // null: removed
    uint8_t kinds;

    Entry(Observer* of, uint8_t wanted) : observer(of), kinds(wanted) {}
    Entry(const Entry& other)
        : observer(other.observer.load(std::memory_order_relaxed)), kinds(other.kinds) {}
  };
  using Entries = std::vector<Entry>;

  ObserverList() {
    GuardFork([] {}, [] {}, [this] { ForgetOtherThreads(); });
  }

  template <typename Notify>
  void NotifyAll(uint8_t kind, Notify notify) noexcept {
    NotifyingThread& thread = this_thread();
    const uint32_t phase = phase_.load(std::memory_order_relaxed);
    std::atomic<uint32_t>& readers = OwnSlot(&thread).readers[phase];
    readers.fetch_add(1, std::memory_order_seq_cst);
    ++thread.depths[phase];
    for (const Entry& entry : *current_.load(std::memory_order_seq_cst)) {
      if ((entry.kinds & kind) == 0) continue;
      // Either this thread sees the null, or Remove sees this thread and waits for it.
      Observer* const observer = entry.observer.load(std::memory_order_seq_cst);
      if (observer == nullptr || IsTelling(thread, observer)) continue;
      const TellingObserver telling = {observer, thread.innermost};
      thread.innermost = &telling;
      notify(observer);
      thread.innermost = telling.outer;
    }
    --thread.depths[phase];
    readers.fetch_sub(1, std::memory_order_release);
  }

  // Adding an observer twice adds it once; removing one that was never added does nothing.
  // `set_switches` gets the new list before it takes effect.
  template <typename SetSwitches>
  void Add(Observer* observer, uint8_t kinds, SetSwitches set_switches) {
    std::unique_ptr<const Entries> old;
    {
      const std::lock_guard guard(lock_);
      const Entries& current = *current_.load(std::memory_order_relaxed);
      if (Find(current, observer) != nullptr) return;
      auto fresh = std::make_unique<Entries>();
      fresh->reserve(current.size() + 1);
      for (const Entry& entry : current) {
        if (entry.observer.load(std::memory_order_relaxed) != nullptr) {
          fresh->push_back(entry);
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
      Entries& current = *current_.load(std::memory_order_relaxed);
      Entry* const known = Find(current, observer);
      if (known != nullptr) known->observer.store(nullptr, std::memory_order_seq_cst);
      set_switches(current);
    }
    WaitForReaders();
  }

  static bool AnybodyWants(const Entries& entries, uint8_t kind) {
    return std::ranges::any_of(entries, [kind](const Entry& l) {
      return (l.kinds & kind) != 0 && l.observer.load(std::memory_order_relaxed) != nullptr;
    });
  }

 private:
  struct alignas(64) Slot {
    std::atomic<uint32_t> readers[2]{0, 0};  // by phase
  };

  template <typename List>
  static auto Find(List& entries, const Observer* observer) -> decltype(entries.data()) {
    for (auto& entry : entries) {
      if (entry.observer.load(std::memory_order_relaxed) == observer) return &entry;
    }
    return nullptr;
  }

  static bool IsTelling(const NotifyingThread& thread, const Observer* observer) {
    for (const TellingObserver* telling = thread.innermost; telling; telling = telling->outer) {
      if (telling->observer == observer) return true;
    }
    return false;
  }

  Slot& OwnSlot(NotifyingThread* thread) {
    if (thread->slot == 0) [[unlikely]] {
      thread->slot = 1 + next_slot_.fetch_add(1, std::memory_order_relaxed) % kSlots;
    }
    return slots_[thread->slot - 1];
  }

  // A thread that holds the old list counted itself in before the list changed. It may have read
  // the phase long before, so it can be under either one: wait until both are empty. Wait for each
  // phase while the other one is current, so that no thread enters the awaited phase again.
  void WaitForReaders() {
    // Not a ForkGuarded lock: a fork inside an observer would take it, and the thread that holds it
    // may be waiting for that very observer to return.
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
    NotifyingThread& thread = this_thread();
    for (const uint32_t phase : {0, 1}) {
      for (Slot& slot : slots_) slot.readers[phase].store(0, std::memory_order_relaxed);
      OwnSlot(&thread).readers[phase].store(thread.depths[phase], std::memory_order_relaxed);
    }
    waiting_.store(false, std::memory_order_relaxed);
  }

  ForkGuarded<std::mutex> lock_;  // held to change the list; never while an observer is called
  std::atomic<Entries*> current_{new Entries};
  std::atomic<uint32_t> phase_{0};    // the one under which threads count themselves in now
  std::atomic<bool> waiting_{false};  // a thread is in WaitForReaders
  std::atomic<uint32_t> next_slot_{0};
  std::array<Slot, kSlots> slots_;
};

}  // namespace alkaid::internal
