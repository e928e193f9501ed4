// What stands beside a guarded block on its own pages, to be found changed by a write there.
//
// Ownership: none. Threads: as the block. Nothing here allocates.
#pragma once

#include "alkaid/core/pools/guarded_slots_internal.h"

namespace alkaid::internal {

void PlantCanaries(const GuardedSlot& slot);
// Ends the program where one was written to. `where`: "freed" or "reallocated".
void CheckCanaries(const GuardedSlot& slot, const char* where);

}  // namespace alkaid::internal
