// ReadFirstBytes: reads the first bytes of blocks that other threads may free and unmap meanwhile.
//
// Ownership: the blocks are the caller's. Threads: all functions, from any thread.
// Out of memory: allocates nothing, except for the text of a failure.
#pragma once

#include <string>
#include <vector>

#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap {

// Reads through the kernel, which returns an error for an unmapped page, and flags the blocks whose
// bytes were read. Returns why the kernel gives none at all, or "".
ALKAID_EXPORT std::string ReadFirstBytes(std::vector<HeapBlock>* blocks);

}  // namespace alkaid::heap
