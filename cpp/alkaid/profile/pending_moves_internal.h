// PendingMoves: records of blocks whose reallocation is under way, between the event that announces
// it and the one that says how it ended. In between they are in no table.
//
// Each thread has a list, innermost first, since a pool may reallocate through another. Its entries
// come from one array, so that an end of tracking finds those that will never be asked for.
//
// Ownership: entries belong to this object. Threads: all functions, from any thread; each adds and
// removes on its own list. Out of memory: when kMoves are under way, Add says so.
#pragma once

#include <atomic>
#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/profile/heap_layout.h"
#include "alkaid/profile/tracking_thread_internal.h"

namespace alkaid::profile {

struct PendingMove {
  enum State : uint32_t { kFree, kUnderWay, kAbandoned };
  State state;
  uint32_t reserved;
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
  // Removes what the calling thread last kept for this address; false where there is nothing.
  bool Remove(uint64_t address, LiveBlock* block);
  // Whether the calling thread's innermost is of this address.
  static bool IsInnermost(uint64_t address) {
    const PendingMove* const move = tracking_thread.moves;
    return move != nullptr && move->state == PendingMove::kUnderWay &&
           move->block.address.load(std::memory_order_relaxed) == address;
  }
  // Forgets all. Only while no thread adds or removes.
  void AbandonAll();

  // Around a fork; in the child, what other threads were about is forgotten.
  void Lock() { lock_.lock(); }
  void Unlock() { lock_.unlock(); }
  void ForgetOtherThreads();

 private:
  PendingMove* TakeFree();
  void GiveBack(PendingMove* move);

  std::atomic<uint64_t>* const moving_;
  TableMutex lock_;
  PendingMove* free_ = nullptr;
  uint32_t used_ = 0;  // entries that ever were in use
  PendingMove moves_[kMoves] = {};
};

}  // namespace alkaid::profile
