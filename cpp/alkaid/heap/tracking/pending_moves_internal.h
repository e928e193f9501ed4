// PendingMoves: records of blocks whose reallocation is under way, between the event that announces
// it and the one that says how it ended. In between they are in no table.
//
// A record is kept here before it leaves the table, and until it is back: so whoever reads the
// table first and this then finds it, unless the whole reallocation ended in between.
//
// Each thread has a list, innermost first, since a pool may reallocate through another. Its entries
// come from one array, so that an end of tracking finds those that will never be asked for.
//
// Ownership: entries belong to this object. Threads: all functions, from any thread; each adds and
// removes on its own list. Out of memory: when kMoves are under way, Add says so.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/table_mutex_internal.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {

struct PendingMove {
  enum State : uint32_t { kFree, kUnderWay, kAbandoned };
  std::atomic<uint32_t> state;
  uint32_t owner;     // the kernel's id of its thread where that has it in no list yet; else 0
  PendingMove* next;  // in the thread's list, or among the free
  LiveBlock block;
};

class ALKAID_EXPORT PendingMoves {
 public:
  static constexpr uint32_t kMoves = 1024;

  // `moving` counts those that are under way.
  constexpr explicit PendingMoves(std::atomic<uint64_t>* moving) : moving_(moving) {}
  PendingMoves(const PendingMoves&) = delete;
  PendingMoves& operator=(const PendingMoves&) = delete;

  // Keeps a copy of the record for the calling thread. False when all entries are in use.
  bool Add(const LiveBlock& block);
  // What the calling thread last kept for this address, or null. It is there, and counts, until the
  // thread removes it.
  PendingMove* Find(uint64_t address);
  void Remove(PendingMove* move);
  // While a fork has the tables: takes out what the calling thread last kept for this address,
  // without the lock. It goes on counting. False where there is none.
  static bool TakeUnlocked(uint64_t address, LiveBlock* block);
  // By the thread that forks, after that: such a one no longer counts.
  void DidTakeUnlocked();
  // By the thread that forks: keeps one for another thread, whose reallocation began meanwhile.
  // False when all entries are in use.
  bool AddFor(uint32_t thread, const LiveBlock& block);
  // And takes it out, where the reallocation ended during a later fork. False where there is none.
  bool TakeFor(uint32_t thread, uint64_t address, LiveBlock* block);
  // False where Find answers null for every address.
  bool MayHaveOwn() const {
    return tracking_thread.moves != nullptr ||
           added_for_others_.load(std::memory_order_acquire) != 0;
  }
  // Whether the calling thread's innermost is of this address.
  static bool IsInnermost(uint64_t address) {
    if (tracking_thread.moving_in_log == address) return true;
    const PendingMove* const move = tracking_thread.moves;
    return move != nullptr && move->state == PendingMove::kUnderWay &&
           move->block.address.load(std::memory_order_relaxed) == address;
  }
  // Forgets all: from here on Find answers null for them.
  void AbandonAll();
  // visit(const LiveBlock&) for each that is under way, under the lock: it must not allocate.
  template <typename Visit>
  void ForEach(Visit visit) {
    const std::lock_guard guard(lock_);
    for (uint32_t i = 0; i < used_; ++i) {
      if (moves_[i].state == PendingMove::kUnderWay) visit(moves_[i].block);
    }
  }
  // How many were ever removed.
  uint64_t ended() const { return ended_.load(std::memory_order_acquire); }

  // Around a fork; in the child, what other threads were about is forgotten.
  void Lock() { lock_.lock(); }
  void Unlock() { lock_.unlock(); }
  void RenewLock() { lock_.Renew(); }
  void ForgetOtherThreads();

 private:
  PendingMove* TakeFree();
  // Under the lock. Puts what is kept for the calling thread into its list.
  void FetchOwn();
  void GiveBack(PendingMove* move);

  std::atomic<uint64_t>* const moving_;
  TableMutex lock_;
  PendingMove* free_ = nullptr;
  uint32_t used_ = 0;                          // entries that ever were in use
  std::atomic<uint32_t> added_for_others_{0};  // entries with an owner
  std::atomic<uint64_t> ended_{0};
  PendingMove moves_[kMoves] = {};
};

}  // namespace alkaid::heap
