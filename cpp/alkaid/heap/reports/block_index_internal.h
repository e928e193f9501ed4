// BlockIndex: a hash table that finds the block at an address.
//
// Each word that could be an owner's pointer needs a lookup. Among a million blocks a lookup takes
// a tenth of the time of a binary search. Lookups are counted, since they are most of the cost of
// recognizing blocks.
//
// Ownership: borrows the blocks, which must be in the order of addresses. Threads: one.
// Out of memory: the constructor throws std::bad_alloc. Takes 8 to 16 bytes for each block.
#pragma once

#include <cstdint>
#include <vector>

#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap {

class ALKAID_EXPORT BlockIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  explicit BlockIndex(const std::vector<HeapBlock>& blocks);

  // Whether this can be an address in a block at all.
  bool MayHold(uint64_t address) const { return address - low_ < range_; }
  // The block that begins there, or kNone.
  uint32_t At(uint64_t address) {
    ++lookups_;
    return places_[PlaceOf(address)];
  }
  // Whether a block begins there, or has a byte there.
  bool Contains(uint64_t address);

  uint64_t lookups() const { return lookups_; }

 private:
  // The slot of the block at this address, or the free slot for it.
  size_t PlaceOf(uint64_t address) const {
    const size_t mask = places_.size() - 1;
    size_t place = (address >> 3) * 0x9e3779b97f4a7c15 >> 20 & mask;
    while (places_[place] != kNone && blocks_[places_[place]].address != address) {
      place = (place + 1) & mask;
    }
    return place;
  }

  const std::vector<HeapBlock>& blocks_;
  const uint64_t low_;
  const uint64_t range_;
  std::vector<uint32_t> places_;  // at least half of them kNone
  uint64_t lookups_ = 0;
};

// The loaded module at the address, or null. `modules` must be in the order of addresses.
ALKAID_EXPORT const HeapModule* LoadedModuleAt(const std::vector<HeapModule>& modules,
                                               uint64_t address);

}  // namespace alkaid::heap
