// LoadedModules: the files that are mapped as code, for naming addresses later.
//
// A forked child asks the kernel instead of the dynamic linker: another thread of its parent may
// have held the linker's lock at the fork, and the C library leaves it locked in the child.
//
// Ownership: results are copies. Threads: all functions, from any thread.
// Out of memory: throws std::bad_alloc.
#pragma once

#include <vector>

#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap {

// The modules that are loaded now, in the order of addresses.
ALKAID_EXPORT std::vector<HeapModule> LoadedModules();

}  // namespace alkaid::heap
