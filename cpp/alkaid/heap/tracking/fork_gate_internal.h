// ForkGate: threads pass it to work on the tables, and a fork closes it.
//
// A host may have its threads come to rest before a fork, and its handler may run after ours: then
// a thread that it waits for must not wait for the fork. So a thread that finds the gate closed
// does not wait but writes down what it has to tell (event_log_internal.h), and the one that forks
// tells it to the tables afterwards, in parent and child. While the gate is closed nobody else is
// at work on the tables.
//
// Ownership: one object, with the tables. Threads: any; Enter and Leave in pairs. A signal handler
// may enter while its thread is inside. Out of memory: nothing here allocates.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {

class ALKAID_EXPORT ForkGate {
 public:
  enum class Way : uint8_t { kTables, kLog };

  constexpr ForkGate() = default;
  ForkGate(const ForkGate&) = delete;
  ForkGate& operator=(const ForkGate&) = delete;

  // What happened before the gate opened has been told to the tables once this is true.
  bool IsOpen() const { return state_.load(std::memory_order_acquire) == kOpen; }

  Way Enter() {
    if (tracking_thread.passages == 0) [[likely]] {
      std::atomic<uint32_t>& inside = OwnLine().inside;
      inside.fetch_add(1, std::memory_order_seq_cst);
      if (state_.load(std::memory_order_seq_cst) != kOpen) [[unlikely]] {
        inside.fetch_sub(1, std::memory_order_release);
        return EnterClosed();
      }
    }
    ++tracking_thread.passages;
    return Way::kTables;
  }
  void Leave(Way way) {
    if (way == Way::kLog) [[unlikely]] {
      writing_.fetch_sub(1, std::memory_order_release);
      return;
    }
    if (--tracking_thread.passages == 0) {
      OwnLine().inside.fetch_sub(1, std::memory_order_release);
    }
  }

  // By the thread that forks. From here on nobody enters, and all who were inside have left.
  void Close();
  // From here on nobody writes down events either: who comes waits until the gate is open, and the
  // calling thread passes.
  void BeginToOpen();
  void Open();
  // The two in a child, where nobody else is inside or writing.
  void BeginToOpenInChild();

 private:
  enum State : uint32_t { kOpen, kClosed, kOpening };

  static constexpr uint32_t kLines = 64;
  struct alignas(64) Line {
    std::atomic<uint32_t> inside{0};
  };

  Way EnterClosed();
  // Few threads share one.
  Line& OwnLine() {
    const uint64_t hash = reinterpret_cast<uint64_t>(&tracking_thread) * 0x9e3779b97f4a7c15u;
    return lines_[hash >> 58];
  }

  std::atomic<State> state_{kOpen};
  std::atomic<uint32_t> writing_{0};
  Line lines_[kLines];
};

}  // namespace alkaid::heap
