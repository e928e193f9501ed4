#include <mutex>

#include "alkaid/heap/tracking/pending_moves_internal.h"
#include "alkaid/heap/tracking/record_table_internal.h"

namespace alkaid::heap {

PendingMove* PendingMoves::TakeFree() {
  if (free_ != nullptr) {
    PendingMove* const move = free_;
    free_ = move->next;
    return move;
  }
  return used_ < kMoves ? &moves_[used_++] : nullptr;
}

void PendingMoves::GiveBack(PendingMove* move) {
  move->state = PendingMove::kFree;
  move->owner = 0;
  move->next = free_;
  free_ = move;
}

bool PendingMoves::Add(const LiveBlock& block) {
  const std::lock_guard guard(lock_);
  PendingMove* const move = TakeFree();
  if (move == nullptr) return false;
  BlockTable::Copy(block, &move->block);
  move->state = PendingMove::kUnderWay;
  move->next = tracking_thread.moves;
  tracking_thread.moves = move;
  moving_->fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool PendingMoves::AddFor(uint32_t thread, const LiveBlock& block) {
  PendingMove* const move = TakeFree();
  if (move == nullptr) return false;
  BlockTable::Copy(block, &move->block);
  move->state = PendingMove::kUnderWay;
  move->owner = thread;
  moving_->fetch_add(1, std::memory_order_relaxed);
  added_for_others_.fetch_add(1, std::memory_order_release);
  return true;
}

bool PendingMoves::TakeFor(uint32_t thread, uint64_t address, LiveBlock* block) {
  if (added_for_others_.load(std::memory_order_relaxed) == 0) return false;
  for (uint32_t i = 0; i < used_; ++i) {
    PendingMove& move = moves_[i];
    if (move.owner != thread || move.block.address.load(std::memory_order_relaxed) != address) {
      continue;
    }
    const bool under_way = move.state == PendingMove::kUnderWay;
    if (under_way) {
      BlockTable::Copy(move.block, block);
      DidTakeUnlocked();
    }
    added_for_others_.fetch_sub(1, std::memory_order_relaxed);
    GiveBack(&move);
    return under_way;
  }
  return false;
}

void PendingMoves::FetchOwn() {
  for (uint32_t i = 0; i < used_; ++i) {
    if (moves_[i].owner == 0 || moves_[i].owner != ThreadId()) continue;
    moves_[i].owner = 0;
    moves_[i].next = tracking_thread.moves;
    tracking_thread.moves = &moves_[i];
    added_for_others_.fetch_sub(1, std::memory_order_relaxed);
  }
}

bool PendingMoves::TakeUnlocked(uint64_t address, LiveBlock* block) {
  for (PendingMove* move = tracking_thread.moves; move != nullptr; move = move->next) {
    if (move->state != PendingMove::kUnderWay ||
        move->block.address.load(std::memory_order_relaxed) != address) {
      continue;
    }
    BlockTable::Copy(move->block, block);
    move->state = PendingMove::kAbandoned;
    return true;
  }
  return false;
}

void PendingMoves::DidTakeUnlocked() {
  moving_->fetch_sub(1, std::memory_order_relaxed);
  ended_.fetch_add(1, std::memory_order_release);
}

PendingMove* PendingMoves::Find(uint64_t address) {
  if (!MayHaveOwn()) [[likely]]
    return nullptr;
  const std::lock_guard guard(lock_);
  if (added_for_others_.load(std::memory_order_relaxed) != 0) FetchOwn();
  PendingMove** link = &tracking_thread.moves;
  while (*link != nullptr) {
    PendingMove* const move = *link;
    if (move->state == PendingMove::kUnderWay) {
      if (move->block.address.load(std::memory_order_relaxed) == address) return move;
      link = &move->next;
    } else {
      *link = move->next;
      GiveBack(move);
    }
  }
  return nullptr;
}

void PendingMoves::Remove(PendingMove* move) {
  const std::lock_guard guard(lock_);
  PendingMove** link = &tracking_thread.moves;
  while (*link != move) link = &(*link)->next;
  *link = move->next;
  if (move->state == PendingMove::kUnderWay) moving_->fetch_sub(1, std::memory_order_relaxed);
  ended_.fetch_add(1, std::memory_order_release);
  GiveBack(move);
}

void PendingMoves::AbandonAll() {
  const std::lock_guard guard(lock_);
  for (uint32_t i = 0; i < used_; ++i) {
    if (moves_[i].state != PendingMove::kUnderWay) continue;
    moves_[i].state = PendingMove::kAbandoned;  // its thread gives it back
    moving_->fetch_sub(1, std::memory_order_relaxed);
  }
}

void PendingMoves::ForgetOtherThreads() {
  free_ = nullptr;
  added_for_others_ = 0;
  for (uint32_t i = 0; i < used_; ++i) {
    PendingMove* own = tracking_thread.moves;
    while (own != nullptr && own != &moves_[i]) own = own->next;
    if (own == nullptr) GiveBack(&moves_[i]);
  }
  uint64_t under_way = 0;
  for (const PendingMove* own = tracking_thread.moves; own != nullptr; own = own->next) {
    under_way += own->state == PendingMove::kUnderWay;
  }
  moving_->store(under_way, std::memory_order_relaxed);
}

}  // namespace alkaid::heap
