// What blocks hold, where their own bytes say so, or those of a block that owns them.
//
// docs/heap.md ("What a block is") has the rules, and cpp/tools/gdb/alkaid_debugger/categories.py
// keeps the same ones. A rule compares sizes exactly and follows every pointer that it goes by: a
// block that fits none of them is left out, because a wrong name costs a reader more than none.
// Classes with virtual functions are not found here but by the reader of a heap file, which has
// symbol tables: the first word of each block is in the file.
//
// Reads through the kernel, which answers for a page that is gone as for any other. Other threads go
// on meanwhile: a block that is freed just then may be named after what came to its place.
//
// Cost: reads the first 64 KiB of each block, and 256 MiB in all at most; see docs/heap.md.
//
// Ownership: the contents are the caller's. Threads: all functions, from any thread.
// Out of memory: throws std::bad_alloc. Takes 18 bytes for each block at most, and 320 KiB.
#pragma once

#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap {

// Fills in `categories` and `recognized` from the blocks, their first bytes, and the modules.
ALKAID_EXPORT void RecognizeBlocks(HeapContents* contents);

}  // namespace alkaid::heap
