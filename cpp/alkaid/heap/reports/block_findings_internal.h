// BlockFindings: the category that was found for each block.
//
// What a block's own bytes say (Set) outranks what its owner says (SetOwned).
//
// Ownership: borrows the contents, and fills in their categories and recognized blocks.
// Threads: one.
// Out of memory: throws std::bad_alloc. Takes 2 bytes for each block, and 8 more for each block
// that is recognized.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap {

class ALKAID_EXPORT BlockFindings {
 public:
  // Clears what it is going to fill in.
  explicit BlockFindings(HeapContents* contents);

  // A labelled block of a pool is what its label says. It is not searched either: such blocks are
  // mostly data, and large.
  bool IsNamed(uint32_t block) const {
    const HeapBlock& of = contents_.blocks[block];
    return of.pool != 0 && of.label != 0;
  }
  bool IsKnown(uint32_t block) const { return found_[block] != 0 || IsNamed(block); }
  // Adds a category and returns its number. 0, which means none, if there are too many.
  uint16_t Add(std::string name);
  void Set(uint32_t block, uint16_t category) {
    if (!IsNamed(block)) found_[block] = category;
  }
  // `*category` is the number of `name`; if it is 0, the category is added first.
  void SetOwned(uint32_t block, uint16_t* category, const char* name);
  // Writes the findings to the contents.
  void Finish();

 private:
  HeapContents& contents_;
  std::vector<uint16_t> found_;  // 1 + index in the categories
};

}  // namespace alkaid::heap
