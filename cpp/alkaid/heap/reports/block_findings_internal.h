// BlockFindings: what was found of blocks, a number for each.
//
// A block that says itself what it is goes before one of which another says so.
//
// Ownership: borrows the contents, whose categories and recognized blocks it fills in. Threads:
// one.
// Out of memory: throws std::bad_alloc. Takes 2 bytes for each block, and 8 more for each that is
// found.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap {

class ALKAID_EXPORT BlockFindings {
 public:
  // Empties what it fills in.
  explicit BlockFindings(HeapContents* contents);

  // A block that a pool gave and that has a label is what the label says. It is not looked through
  // either: such blocks are data as a rule, and many bytes.
  bool IsNamed(uint32_t block) const {
    const HeapBlock& of = contents_.blocks[block];
    return of.pool != 0 && of.label != 0;
  }
  bool IsKnown(uint32_t block) const { return found_[block] != 0 || IsNamed(block); }
  // For a category that is named once; 0, which stands for none, where there are too many.
  uint16_t Add(std::string name);
  void Set(uint32_t block, uint16_t category) {
    if (!IsNamed(block)) found_[block] = category;
  }
  // `category` is that of `name`, or 0 where it has none yet.
  void SetOwned(uint32_t block, uint16_t* category, const char* name);
  // Writes what was found to the contents.
  void Finish();

 private:
  HeapContents& contents_;
  std::vector<uint16_t> found_;  // 1 + index in the categories
};

}  // namespace alkaid::heap
