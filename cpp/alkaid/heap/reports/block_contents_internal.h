// RecognizeBlocks: finds what blocks hold, from their own bytes or from those of their owner.
//
// docs/heap.md ("What a block is") has the rules; cpp/tools/gdb/alkaid_debugger/categories.py has
// the same ones. A rule compares sizes exactly and checks every pointer that it uses. A block that
// fits no rule gets no name, because a wrong name is worse than none. Classes with virtual
// functions are found later by the reader of a heap file, which has symbol tables: the file has the
// first word of each block.
//
// Reads through the kernel, which returns an error for an unmapped page. Other threads go on
// meanwhile: a block that is freed just then may be named after what replaced it.
//
// Cost: bounded by RecognitionLimits. Blocks that were not examined are counted.
//
// Ownership: the contents are the caller's. Threads: all functions, from any thread.
// Out of memory: throws std::bad_alloc. Takes at most 18 bytes for each block, and 260 KiB.
#pragma once

#include <cstdint>

#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap {

struct RecognitionLimits {
  // Bytes of each block, from its start, that are searched for owners.
  uint64_t owner_bytes = uint64_t{64} << 10;
  // Bytes that are read of a text or an array of pointers; longer ones are read in pieces.
  uint64_t array_bytes = uint64_t{128} << 10;
  uint64_t bytes = uint64_t{256} << 20;  // of all blocks together
  // Lookups of words and chain links among the blocks: in all, and in addition for each block.
  uint64_t lookups = uint64_t{4} << 20;
  uint64_t lookups_of_block = 4;
};

// Fills in `categories`, `recognized` and `unexamined` from the blocks, their first bytes and the
// modules. Returns the number of lookups among the blocks.
ALKAID_EXPORT uint64_t RecognizeBlocks(HeapContents* contents,
                                       const RecognitionLimits& limits = {});

}  // namespace alkaid::heap
