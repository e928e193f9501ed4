#include <algorithm>
#include <cstring>
#include <iterator>

#include "alkaid/core/pools/guarded_canaries_internal.h"
#include "alkaid/core/pools/guarded_fault_internal.h"

namespace alkaid::internal {
namespace {

constexpr int kCanary = 0xca;

// The overwritten byte in [first, last) that is nearest to its start, or to its end if
// `from_the_end`; null if there is none.
const uint8_t* FindDamage(const uint8_t* first, const uint8_t* last, bool from_the_end) {
  const auto damaged = [](uint8_t byte) { return byte != kCanary; };
  if (!from_the_end) {
    const uint8_t* const found = std::find_if(first, last, damaged);
    return found == last ? nullptr : found;
  }
  const auto found =
      std::find_if(std::make_reverse_iterator(last), std::make_reverse_iterator(first), damaged);
  return found == std::make_reverse_iterator(first) ? nullptr : &*found;
}

}  // namespace

void PlantCanaries(const GuardedSlot& slot) {
  uint8_t* const end = slot.start + slot.size.load(std::memory_order_relaxed);
  std::memset(slot.first, kCanary, static_cast<size_t>(slot.start - slot.first));
  std::memset(end, kCanary, static_cast<size_t>(slot.last - end));
}

void CheckCanaries(const GuardedSlot& slot, const char* where) {
  const uint8_t* const end = slot.start + slot.size.load(std::memory_order_relaxed);
  const uint8_t* damage = FindDamage(end, slot.last, false);
  if (damage == nullptr) damage = FindDamage(slot.first, slot.start, true);
  if (damage != nullptr) EndAtDamagedCanary(slot, damage, where);
}

}  // namespace alkaid::internal
