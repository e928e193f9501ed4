// BlockCategories: what the blocks of a snapshot are, for the lists of `alkaid heap show` and
// `alkaid heap diff`: docs/heap.md, "What a block is".
//
// Ownership: borrows everything. Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "alkaid/heap/reports/heap_diff.h"
#include "tools/heap/heap_symbols.h"

namespace alkaid::tools {

class BlockCategories {
 public:
  BlockCategories(const heap::HeapSnapshot& snapshot, HeapSymbols* symbols);

  // The category of a block of the snapshot, the first of these that is known:
  //   - its label, where a pool gave it
  //   - what the process recognized
  //   - the class whose virtual table its first word points to, or its second where the first is a
  //     number of objects, if such objects fit the block
  //   - "uncategorized"
  const std::string& Of(uint32_t block);

 private:
  const std::string& ClassOf(const heap::HeapBlock& block);
  // Null where the word does not point to a class's virtual table.
  const VtableClass* ClassAt(uint64_t word);

  const heap::HeapSnapshot& snapshot_;
  HeapSymbols& symbols_;
  std::unordered_map<uint64_t, VtableClass> classes_;  // by an object's first word
};

// The changes by category, the greatest change of bytes first, in either direction.
std::vector<heap::HeapNameChange> ChangesByCategory(const heap::HeapSnapshot& before,
                                                    BlockCategories* before_categories,
                                                    const heap::HeapSnapshot& after,
                                                    BlockCategories* after_categories,
                                                    const heap::HeapDiff& changes);

}  // namespace alkaid::tools
