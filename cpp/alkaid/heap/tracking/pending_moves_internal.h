// PendingMoves: records of blocks that are being reallocated, from the event before the allocator
// call to the event after it. Meanwhile they are in no table.
//
// A record is added here before it leaves the table, and removed after it is back. So a thread that
// reads the table first and this list second finds it, unless the whole reallocation ended in
// between.
//
// Each thread has a list, innermost first, since a pool may reallocate through another. All entries
// come from one array, so that stopping finds those that no thread will ask for again.
//
//     tracking_thread.moves -> innermost move -> move of the outer pool -> null
//     moves_: | under way | free | under way | abandoned | ... |    kMoves entries
//
// Ownership: entries belong to this object. Threads: all functions, from any thread; each thread
// adds and removes on its own list. Full (kMoves under way): Add returns false.
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
  uint32_t owner;     // the kernel's id of its thread, until the entry is in its list; then 0
  PendingMove* next;  // in the thread's list, or in the free list
  LiveBlock block;
};

class ALKAID_EXPORT PendingMoves {
 public:
  static constexpr uint32_t kMoves = 1024;

  // `moving` counts the moves that are under way.
  constexpr explicit PendingMoves(std::atomic<uint64_t>* moving) : moving_(moving) {}
  PendingMoves(const PendingMoves&) = delete;
  PendingMoves& operator=(const PendingMoves&) = delete;

  // Keeps a copy of the record for the calling thread. False when all entries are in use.
  bool Add(const LiveBlock& block);
  // The calling thread's last entry for this address, or null. It stays, and counts, until the
  // thread removes it.
  PendingMove* Find(uint64_t address);
  void Remove(PendingMove* move);
  // While a fork holds the tables: removes the calling thread's last entry for this address,
  // without the lock. The entry still counts. False if there is none.
  static bool TakeUnlocked(uint64_t address, LiveBlock* block);
  // By the thread that forks, later: an entry removed by TakeUnlocked no longer counts.
  void DidTakeUnlocked();
  // By the thread that forks: adds an entry for another thread, whose reallocation began during the
  // fork. False when all entries are in use.
  bool AddFor(uint32_t thread, const LiveBlock& block);
  // Removes such an entry if the reallocation ended during a later fork. False if there is none.
  bool TakeFor(uint32_t thread, uint64_t address, LiveBlock* block);
  // False if Find would return null for every address.
  bool MayHaveOwn() const {
    return tracking_thread.moves != nullptr ||
           added_for_others_.load(std::memory_order_acquire) != 0;
  }
  // Whether the calling thread's innermost move is of this address.
  static bool IsInnermost(uint64_t address) {
    if (tracking_thread.moving_in_log == address) return true;
    const PendingMove* const move = tracking_thread.moves;
    return move != nullptr && move->state == PendingMove::kUnderWay &&
           move->block.address.load(std::memory_order_relaxed) == address;
  }
  // Forgets all moves: from now on Find returns null for them.
  void AbandonAll();
  // Calls visit(const LiveBlock&) for each move under way, under the lock: it must not allocate.
  template <typename Visit>
  void ForEach(Visit visit) {
    const std::lock_guard guard(lock_);
    for (uint32_t i = 0; i < used_; ++i) {
      if (moves_[i].state == PendingMove::kUnderWay) visit(moves_[i].block);
    }
  }
  // How many moves were ever removed.
  uint64_t ended() const { return ended_.load(std::memory_order_acquire); }

  // Around a fork. In the child, ForgetOtherThreads drops the moves of all other threads.
  void Lock() { lock_.lock(); }
  void Unlock() { lock_.unlock(); }
  void RenewLock() { lock_.Renew(); }
  void ForgetOtherThreads();

 private:
  PendingMove* TakeFree();
  // Under the lock. Links what AddFor kept for the calling thread into its list.
  void FetchOwn();
  void GiveBack(PendingMove* move);

  std::atomic<uint64_t>* const moving_;
  TableMutex lock_;
  PendingMove* free_ = nullptr;
  uint32_t used_ = 0;                          // entries that were ever in use
  std::atomic<uint32_t> added_for_others_{0};  // entries with an owner
  std::atomic<uint64_t> ended_{0};
  PendingMove moves_[kMoves] = {};
};

}  // namespace alkaid::heap
