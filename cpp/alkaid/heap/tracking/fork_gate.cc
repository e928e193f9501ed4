#include "alkaid/heap/tracking/fork_gate_internal.h"

namespace alkaid::heap {

void ForkGate::Close() {
  state_.store(kClosed, std::memory_order_seq_cst);
  const Line* const own = &OwnLine();
  for (const Line& line : lines_) {
    // This may be a signal handler that interrupted its own thread inside the gate.
    const uint32_t left = &line == own && tracking_thread.passages != 0 ? 1 : 0;
    while (line.inside.load(std::memory_order_seq_cst) > left) sched_yield();
  }
}

// While the log is applied (kOpening), neither way is open. The gate may close again right after it
// opened, so each round tries both ways.
ForkGate::Way ForkGate::EnterClosed() {
  std::atomic<uint32_t>& inside = OwnLine().inside;
  for (;; state_.wait(kOpening, std::memory_order_seq_cst)) {
    writing_.fetch_add(1, std::memory_order_seq_cst);
    if (state_.load(std::memory_order_seq_cst) == kClosed) return Way::kLog;
    writing_.fetch_sub(1, std::memory_order_release);
    inside.fetch_add(1, std::memory_order_seq_cst);
    if (state_.load(std::memory_order_seq_cst) == kOpen) break;
    inside.fetch_sub(1, std::memory_order_release);
  }
  ++tracking_thread.passages;
  return Way::kTables;
}

void ForkGate::BeginToOpen() {
  ++tracking_thread.passages;
  state_.store(kOpening, std::memory_order_seq_cst);
  while (writing_.load(std::memory_order_seq_cst) != 0) sched_yield();
}

void ForkGate::BeginToOpenInChild() {
  for (Line& line : lines_) line.inside.store(0, std::memory_order_relaxed);
  if (tracking_thread.passages != 0) OwnLine().inside.store(1, std::memory_order_relaxed);
  writing_.store(0, std::memory_order_relaxed);
  ++tracking_thread.passages;
  state_.store(kOpening, std::memory_order_relaxed);
}

void ForkGate::Open() {
  --tracking_thread.passages;
  state_.store(kOpen, std::memory_order_seq_cst);
  state_.notify_all();
}

}  // namespace alkaid::heap
