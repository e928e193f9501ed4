// TrackingThread: what tracking keeps for each thread.
//
// Ownership: each thread owns its state; nothing needs a release at its end. Threads: each uses its
// own state. Out of memory: nothing here allocates.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::heap {

struct PendingMove;

// 48 bytes of static TLS, so that a late dlopen finds room for it and no access allocates.
struct TrackingThread {
  // Set while the thread runs code of tracking: what this code allocates (an unwinder at its first
  // use, for instance) is not recorded.
  bool inside;
  // Set from the prepare step of a fork to its end: the thread holds all table locks, and other
  // libraries' fork handlers may allocate on it.
  bool holds_tables;
  uint16_t passages;        // nested passages of the gate to the tables (fork_gate_internal.h)
  uint32_t id;              // the kernel's; 0 until asked
  uint32_t sampling_epoch;  // of `until_sample`, which is drawn anew in another epoch
  uint8_t confinement;      // see confinement_internal.h; a child has what its parent had
  bool ends_in_malloc;      // see alkaid_track_exit
  int64_t until_sample;     // bytes until the next recorded block
  uint64_t random;          // state of the generator; 0 before its first use
  PendingMove* moves;       // reallocations under way, innermost first
  uint64_t moving_in_log;   // address of one that began while a fork held the tables; 0: none
};
ALKAID_EXPORT extern constinit thread_local TrackingThread tracking_thread
    __attribute__((tls_model("initial-exec")));

// The kernel's id of the calling thread, asked once (and once more after a fork).
ALKAID_EXPORT uint32_t AskThreadId();
inline uint32_t ThreadId() {
  const uint32_t id = tracking_thread.id;
  return id != 0 ? id : AskThreadId();
}

// Marks the calling thread as inside for a scope. `entered` is false if it was inside already; then
// the caller does nothing.
class InsideTracking {
 public:
  InsideTracking() : entered_(!tracking_thread.inside) { tracking_thread.inside = true; }
  ~InsideTracking() {
    if (entered_) tracking_thread.inside = false;
  }
  InsideTracking(const InsideTracking&) = delete;
  InsideTracking& operator=(const InsideTracking&) = delete;

  bool entered() const { return entered_; }

 private:
  const bool entered_;
};

}  // namespace alkaid::heap
