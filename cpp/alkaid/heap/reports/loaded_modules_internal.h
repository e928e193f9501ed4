// Which files are mapped as code, for naming addresses later.
//
// A forked child asks the kernel and not the dynamic linker: another thread of its parent may have
// held the linker's lock at the fork, and the C library leaves it held.
//
// Ownership: results are copies. Threads: all functions, from any thread.
// Out of memory: throws std::bad_alloc.
#pragma once

#include <vector>

#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap {

// What is loaded now, in the order of addresses.
ALKAID_EXPORT std::vector<HeapModule> LoadedModules();

}  // namespace alkaid::heap
