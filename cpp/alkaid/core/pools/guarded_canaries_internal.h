// Canaries: bytes beside a guarded block, on its own pages, that show if they were overwritten.
//
// Ownership: none. Threads: as the block. Nothing here allocates.
#pragma once

#include "alkaid/core/pools/guarded_slots_internal.h"

namespace alkaid::internal {

void PlantCanaries(const GuardedSlot& slot);
// Ends the program if a canary was overwritten. `where`: "freed" or "reallocated".
void CheckCanaries(const GuardedSlot& slot, const char* where);

}  // namespace alkaid::internal
