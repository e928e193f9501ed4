// What blocks hold, where their own bytes say so, or those of a block that owns them.
//
// docs/heap.md ("What a block is") has the rules, and cpp/tools/gdb/alkaid_debugger/categories.py
// keeps the same ones. A rule compares sizes exactly and follows every pointer that it goes by: a
// block that fits none of them is left out, because a wrong name costs a reader more than none.
// Classes with virtual functions are not found here but by the reader of a heap file, which has
// symbol tables: the first word of each block is in the file.
//
// Reads through the kernel, which answers for a page that is gone as for any other. Other threads
// go on meanwhile: a block that is freed just then may be named after what came to its place.
//
// Cost: bounded by RecognitionLimits. What was not looked at then is counted.
//
// Ownership: the contents are the caller's. Threads: all functions, from any thread.
// Out of memory: throws std::bad_alloc. Takes 18 bytes for each block at most, and 260 KiB.
#pragma once

#include <cstdint>

#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap {

struct RecognitionLimits {
  uint64_t owner_bytes = uint64_t{64}
                         << 10;  // of each block, from its start: where owners are sought
  uint64_t array_bytes = uint64_t{128}
                         << 10;          // of a text or an array of pointers: longer ones in pieces
  uint64_t bytes = uint64_t{256} << 20;  // of all blocks together
  // Of words, and links of chains, among the blocks: for all, and for each block in addition.
  uint64_t lookups = uint64_t{4} << 20;
  uint64_t lookups_of_block = 4;
};

// Fills in `categories`, `recognized` and `unexamined` from the blocks, their first bytes, and the
// modules. Returns how many words it looked up among the blocks.
ALKAID_EXPORT uint64_t RecognizeBlocks(HeapContents* contents,
                                       const RecognitionLimits& limits = {});

}  // namespace alkaid::heap
