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

PendingMove* PendingMoves::Find(uint64_t address) {
  if (tracking_thread.moves == nullptr) return nullptr;
  const std::lock_guard guard(lock_);
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
