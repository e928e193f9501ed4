// Reading the first bytes of blocks that others may free, and give back to the system, at any time.
//
// Ownership: the blocks are the caller's. Threads: all functions, from any thread.
// Out of memory: allocates nothing until it has to say why it failed.
#pragma once

#include <string>
#include <vector>

#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap {

// Asks the kernel for them, which answers for a page that is gone as for any other, and flags the
// blocks of which it gave them. Returns why it gives none at all, or "".
ALKAID_EXPORT std::string ReadFirstBytes(std::vector<HeapBlock>* blocks);

}  // namespace alkaid::heap
