#include <cstdint>

#include "alkaid/core/pools/guarded_slots_internal.h"

namespace alkaid::internal {

uint32_t GuardedSlotList::Take(GuardedSlot* slots, uint32_t count, int64_t now) {
  if (used_ < count) return used_++;
  if (first_ == kNone || now < not_before_ || now - slots[first_].freed_at < kQuarantine) {
    return kNone;
  }
  not_before_ = now + kQuarantine / count;
  const uint32_t taken = first_;
  first_ = slots[taken].next;
  if (first_ == kNone) last_ = kNone;
  return taken;
}

void GuardedSlotList::GiveBack(GuardedSlot* slots, uint32_t slot, int64_t now) {
  slots[slot].freed_at = now;
  slots[slot].next = kNone;
  (last_ == kNone ? first_ : slots[last_].next) = slot;
  last_ = slot;
}

void GuardedSlotList::PutBack(GuardedSlot* slots, uint32_t slot) {
  slots[slot].freed_at = INT64_MIN / 2;
  slots[slot].next = first_;
  not_before_ = INT64_MIN;
  first_ = slot;
  if (last_ == kNone) last_ = slot;
}

}  // namespace alkaid::internal
