// NamesIdSet: the NamesIds that a datagram has so far, of which there are a few, or many thousands.
//
// Ownership: a value. Threads: one at a time. Out of memory: Insert throws std::bad_alloc, and the
// set stays as it was.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_set>
#include <vector>

#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram::internal {

class NamesIdSet {
 public:
  // As many are looked through faster than they are hashed.
  static constexpr size_t kFew = 32;

  bool Contains(NamesId id) const {
    if (few_.size() < kFew) return std::find(few_.begin(), few_.end(), id.key()) != few_.end();
    return many_.count(id.key()) != 0;
  }
  // Only of what it does not contain.
  void Insert(NamesId id) {
    if (few_.size() < kFew) {
      if (few_.capacity() == 0) few_.reserve(kFew);
      if (few_.size() + 1 == kFew) {
        many_.insert(few_.begin(), few_.end());
        many_.insert(id.key());
      }
      few_.push_back(id.key());
      return;
    }
    many_.insert(id.key());
  }
  void Clear() {
    few_.clear();
    if (!many_.empty()) many_.clear();
  }

 private:
  std::vector<uint32_t> few_;
  // All of them, once there are kFew.
  std::unordered_set<uint32_t> many_;
};

}  // namespace alkaid::dgram::internal
