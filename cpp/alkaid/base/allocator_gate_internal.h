// AllocatorGate: code of others that no fork may catch a thread in.
//
// A forked child has only the thread that called fork. If another thread was then inside an
// allocator that has no handlers for forks of its own, the child may wait for ever for what that
// thread was doing: for a lock, or for a page that it had claimed without one. So calls of such an
// allocator are made inside the gate, and a fork closes it:
//
//   thread:  inside = 1 | is it open? | ... the allocator ... | inside = 0
//   fork:    close | a fence in every thread (membarrier) | wait until no thread is inside | fork
//
// An open gate costs a thread two plain stores and two loads. Where the kernel has no
// membarrier(2), each entry is a locked instruction.
//
// Neither side waits for ever. A fork waits for two seconds: a thread may be inside for longer,
// stopped by a debugger. Threads wait for 0.1 s: a handler of the program's, which runs while the
// gate is closed where it was registered before this library was loaded, may wait for a thread that
// allocates. They then go on as if there were no gate. The thread that forks can enter meanwhile,
// so handlers may allocate.
//
// Ownership: process-wide, never released; a thread's record goes to the next new thread. Threads:
// any, also in destructors at thread exit. Not for signal handlers. Out of memory: a thread that
// gets no record is counted, with locked instructions.
#pragma once

#include <atomic>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// Whether its thread is inside. Only that thread writes `inside`, except in a forked child.
struct alignas(64) AllocatorGateRecord {
  std::atomic<int> inside{0};
  std::atomic<bool> is_taken{true};
  AllocatorGateRecord* next = nullptr;
};

// Null before the thread's first entry. 8 bytes of static TLS, so that a late dlopen finds room.
ALKAID_EXPORT extern constinit thread_local AllocatorGateRecord* allocator_gate_record
    __attribute__((tls_model("initial-exec")));

class ALKAID_EXPORT AllocatorGate {
 public:
  // The calling thread is inside while the object lives. There is at most one of each thread.
  class Inside {
   public:
    Inside() : record_(allocator_gate_record) {
      if (record_ != nullptr) [[likely]] {
        record_->inside.store(1, std::memory_order_relaxed);
        // The compiler keeps the order of store and load; the processor may not, before a fork's
        // membarrier.
        std::atomic_signal_fence(std::memory_order_seq_cst);
        if (state.load(std::memory_order_relaxed) == kOpen) [[likely]]
          return;
      }
      record_ = EnterSlowly(record_);
    }
    ~Inside() {
      if (record_ != nullptr) [[likely]] {
        record_->inside.store(0, std::memory_order_release);
      } else {
        LeaveUncounted();
      }
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    AllocatorGateRecord* record_;
  };

  // To be called once, before the first entry. `end_of_thread`, unless it is null, is called inside
  // the gate when a thread that was inside ends, before the destructors of keys
  // (pthread_key_create) that are made later. Out of memory: aborts, as GuardFork.
  static void Build(void (*end_of_thread)());

 private:
  // Other values than kOpen send entries the slow way.
  static constexpr int kOpen = 0;
  static constexpr int kClosed = 1;
  static constexpr int kFenced = 2;  // open, but there is no membarrier

  friend struct AllocatorGateAtForks;
  static AllocatorGateRecord* EnterSlowly(AllocatorGateRecord* record);
  static void LeaveUncounted();

  static constinit std::atomic<int> state;
};

}  // namespace alkaid::internal
