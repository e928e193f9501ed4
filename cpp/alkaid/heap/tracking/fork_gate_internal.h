// ForkGate: threads pass it to work on the tables; a fork closes it.
//
// A program may stop its threads before a fork, in a handler that runs after ours. A thread that
// this handler waits for must not wait for the fork. So a thread that finds the gate closed logs
// its event (event_log_internal.h), and the forking thread applies the log to the tables
// afterwards, in parent and child. While the gate is closed, only the forking thread works on the
// tables.
//
// A thread waits in two cases only: while the log is applied (kOpening), which runs no handler of
// the program; and if the log is full, until the gate opens.
//
//     kOpen ---Close---> kClosed ---BeginToOpen---> kOpening ---Open---> kOpen
//     to the tables      to the log                 wait
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

  // If true, all events from before the gate opened are in the tables.
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

  // By the thread that forks. On return no other thread is inside, and none can enter.
  void Close();
  // On return no thread logs events either: other threads wait until the gate is open. The calling
  // thread may pass.
  void BeginToOpen();
  void Open();
  // Replaces Close and BeginToOpen in a child, where no other thread is inside or writing.
  void BeginToOpenInChild();

 private:
  enum State : uint32_t { kOpen, kClosed, kOpening };

  static constexpr uint32_t kLines = 64;
  struct alignas(64) Line {
    std::atomic<uint32_t> inside{0};
  };

  Way EnterClosed();
  // Few threads share a line.
  Line& OwnLine() {
    const uint64_t hash = reinterpret_cast<uint64_t>(&tracking_thread) * 0x9e3779b97f4a7c15u;
    return lines_[hash >> 58];
  }

  std::atomic<State> state_{kOpen};
  std::atomic<uint32_t> writing_{0};
  Line lines_[kLines];
};

}  // namespace alkaid::heap
