// What tracking keeps for each thread.
//
// Ownership: a thread's state is its own; nothing has to be released when it ends. Threads: each
// its own state. Out of memory: nothing here allocates.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::heap {

struct PendingMove;

// 48 bytes of static TLS, so that a late dlopen finds room for it and no access allocates.
struct TrackingThread {
  // Set while the thread is at work on its own account in here: what it then allocates (an unwinder
  // at its first use) is not recorded.
  bool inside;
  // Set between the prepare and the end of a fork: the thread holds all table locks, and other
  // libraries' fork handlers may allocate on it.
  bool holds_tables;
  uint16_t passages;  // through the gate to the tables (fork_gate_internal.h), one in the other
  uint32_t id;        // the kernel's; 0 until asked
  uint32_t sampling_epoch;  // of the two below; they are drawn anew in another
  uint8_t confinement;      // see confinement_internal.h; a child has what its parent had
  bool ends_in_malloc;      // see alkaid_track_exit
  int64_t until_sample;     // bytes until the next block that is recorded
  uint64_t random;          // state of the generator; 0 before its first use
  PendingMove* moves;       // reallocations under way, innermost first
  uint64_t moving_in_log;   // address of one that began while a fork had the tables; 0: none
};
ALKAID_EXPORT extern constinit thread_local TrackingThread tracking_thread
    __attribute__((tls_model("initial-exec")));

// The kernel's id of the calling thread, asked for once (and once more after a fork).
ALKAID_EXPORT uint32_t AskThreadId();
inline uint32_t ThreadId() {
  const uint32_t id = tracking_thread.id;
  return id != 0 ? id : AskThreadId();
}

// Marks the calling thread as inside for a scope. `entered` is false where it was already: then the
// caller leaves everything alone.
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
