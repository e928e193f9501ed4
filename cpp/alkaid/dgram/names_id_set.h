// NamesIdSet: the NamesIds of a datagram so far: a few, or many thousands.
//
// Ownership: a value. Threads: one at a time. Out of memory: Insert throws std::bad_alloc, and the
// set stays as it was.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram::internal {

class NamesIdSet {
 public:
  // Fewer than these are searched faster in a row than by hash.
  static constexpr size_t kFew = 32;

  bool Contains(NamesId id) const {
    if (all_.size() < kFew) return std::find(all_.begin(), all_.end(), id.key()) != all_.end();
    for (uint32_t slot = HomeOf(id.key());; ++slot) {
      const uint32_t there = slots_[slot & mask_];
      if (there == id.key() + 1 || there == 0) return there != 0;
    }
  }
  // `id` must not be in the set.
  void Insert(NamesId id) {
    const size_t size = all_.size() + 1;
    if (size > all_.capacity()) all_.reserve(std::max(kFew, 2 * size));
    if (size >= kFew && 2 * size > slots_.size()) {
      slots_ = std::vector<uint32_t>(std::bit_ceil(4 * size));
      mask_ = static_cast<uint32_t>(slots_.size() - 1);
      for (const uint32_t key : all_) AddSlot(key);
    } else if (size == kFew) {
      for (const uint32_t key : all_) AddSlot(key);
    }
    if (size >= kFew) AddSlot(id.key());
    all_.push_back(id.key());
  }
  // Keeps the memory for reuse.
  void Clear() {
    if (all_.size() >= kFew) std::fill(slots_.begin(), slots_.end(), 0);
    all_.clear();
  }

 private:
  static uint32_t HomeOf(uint32_t key) { return (key * 0x9e3779b9U) >> 8; }
  void AddSlot(uint32_t key) {
    uint32_t slot = HomeOf(key);
    while (slots_[slot & mask_] != 0) ++slot;
    slots_[slot & mask_] = key + 1;
  }

  std::vector<uint32_t> all_;
  // A hash table once there are kFew: key + 1 in each used slot, else 0. A power of two, at most
  // half full.
  std::vector<uint32_t> slots_;
  uint32_t mask_ = 0;
};

}  // namespace alkaid::dgram::internal
