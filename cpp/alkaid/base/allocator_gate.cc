#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <new>

#include "alkaid/base/allocator_gate_internal.h"
#include "alkaid/base/fork_guard_internal.h"

namespace alkaid::internal {

constinit thread_local AllocatorGateRecord* allocator_gate_record
    __attribute__((tls_model("initial-exec"))) = nullptr;
constinit std::atomic<int> AllocatorGate::state{kOpen};

namespace {

constinit std::atomic<AllocatorGateRecord*> records{nullptr};  // a list that only grows
constinit std::atomic<int> unlisted{0};                        // threads inside that have no record
constinit std::atomic<bool> waits_too_long{false};             // a thread outside, for this fork
constinit std::atomic<pthread_t> forking{};                    // while the gate is closed
constinit std::atomic<void (*)()> at_thread_end{nullptr};
constinit std::atomic<bool> has_key{false};
pthread_key_t key;

int Membarrier(int command) {
  const int error = errno;
  const auto result = static_cast<int>(::syscall(SYS_membarrier, command, 0, 0));
  errno = error;
  return result;
}

// Waits until `done`, for so many tenths of a millisecond at most; false if that was not enough.
template <typename Done>
bool WaitUntil(const Done& done, int most) {
  constexpr timespec kPause = {.tv_sec = 0, .tv_nsec = 100'000};
  const int error = errno;
  int tries = 0;
  while (!done() && ++tries < most) ::nanosleep(&kPause, nullptr);
  errno = error;
  return tries < most;
}

// One that an ended thread left, or a new one; null where there is no memory for it.
AllocatorGateRecord* TakeRecord() {
  for (AllocatorGateRecord* record = records.load(); record != nullptr; record = record->next) {
    if (!record->is_taken.load(std::memory_order_relaxed) && !record->is_taken.exchange(true)) {
      return record;
    }
  }
  auto* const made = new (std::nothrow) AllocatorGateRecord;
  if (made == nullptr) return nullptr;
  made->next = records.load();
  while (!records.compare_exchange_weak(made->next, made)) {
  }
  return made;
}

void EndThread(void* record_of_thread) {
  if (void (*const end)() = at_thread_end.load()) {
    const AllocatorGate::Inside inside;
    end();
  }
  allocator_gate_record = nullptr;
  static_cast<AllocatorGateRecord*>(record_of_thread)->is_taken.store(false);
}

// The calling thread's record, which its end gives back; null where it gets none.
AllocatorGateRecord* OpenThread() {
  if (!has_key.load(std::memory_order_acquire)) return nullptr;
  AllocatorGateRecord* const record = TakeRecord();
  if (record == nullptr) return nullptr;
  if (pthread_setspecific(key, record) != 0) {
    record->is_taken.store(false);
    return nullptr;
  }
  return allocator_gate_record = record;
}

}  // namespace

struct AllocatorGateAtForks {
  static constexpr int kMaxWaitForThreads = 20'000;
  static constexpr int kMaxWaitForFork = 1'000;

  static void Prepare() {
    forking.store(pthread_self());
    waits_too_long.store(false);
    AllocatorGate::state.fetch_or(AllocatorGate::kClosed);
    if (Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0) {
      // As where a filter of system calls was installed meanwhile. Stores that were under way are
      // seen long before this ends.
      AllocatorGate::state.fetch_or(AllocatorGate::kFenced);
      (void)WaitUntil([] { return false; }, 10);
    }
    (void)WaitUntil(
        [] {
          if (unlisted.load() != 0) return false;
          for (const AllocatorGateRecord* record = records.load(); record != nullptr;
               record = record->next) {
            if (record != allocator_gate_record && record->inside.load() != 0) return false;
          }
          return true;
        },
        kMaxWaitForThreads);
  }

  static void Open() { AllocatorGate::state.fetch_and(~AllocatorGate::kClosed); }

  // The other threads are gone.
  static void OpenInChild() {
    for (AllocatorGateRecord* record = records.load(); record != nullptr; record = record->next) {
      if (record == allocator_gate_record) continue;
      record->inside.store(0);
      record->is_taken.store(false);
    }
    unlisted.store(0);
    Register();
    Open();
  }

  // A process has to say once that it will use membarrier.
  static void Register() {
    if (Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0) {
      AllocatorGate::state.fetch_or(AllocatorGate::kFenced);
    }
  }

  static bool IsClosedToThisThread() {
    return (AllocatorGate::state.load() & AllocatorGate::kClosed) != 0 && !waits_too_long.load() &&
           pthread_equal(forking.load(), pthread_self()) == 0;
  }
};

AllocatorGateRecord* AllocatorGate::EnterSlowly(AllocatorGateRecord* record) {
  if (record == nullptr) record = OpenThread();
  const auto set = [record](int inside) {
    if (record != nullptr) {
      record->inside.store(inside);
    } else {
      unlisted.fetch_add(inside != 0 ? 1 : -1);
    }
  };
  for (;;) {
    set(1);
    if (!AllocatorGateAtForks::IsClosedToThisThread()) return record;
    set(0);
    const auto open = [] { return !AllocatorGateAtForks::IsClosedToThisThread(); };
    if (!WaitUntil(open, AllocatorGateAtForks::kMaxWaitForFork)) waits_too_long.store(true);
  }
}

void AllocatorGate::LeaveUncounted() { unlisted.fetch_sub(1); }

void AllocatorGate::Build(void (*end_of_thread)()) {
  at_thread_end.store(end_of_thread);
  if (has_key.load()) return;
  has_key.store(pthread_key_create(&key, EndThread) == 0, std::memory_order_release);
  AllocatorGateAtForks::Register();
  GuardFork(AllocatorGateAtForks::Prepare, AllocatorGateAtForks::Open,
            AllocatorGateAtForks::OpenInChild, ForkOrder::kInnermost);
}

}  // namespace alkaid::internal
