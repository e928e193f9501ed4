// ReadHeapTables: reads the live tables of this process while other threads change them.
//
// Copies one shard at a time under its lock. So a thread that allocates waits for the copy of at
// most one shard: about 16,000 records if a million are live.
//
// Ownership: `root` is borrowed, and tracking must stay on, until the call returns.
// Threads: all functions, from any thread.
// Out of memory: throws std::bad_alloc. The caller must be InsideTracking; otherwise what is
// allocated here is recorded in the very tables that are read.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/pending_moves_internal.h"

namespace alkaid::heap {

// Calls `visit` under the lock of that shard of the table.
using WithShardLocked = std::function<void(uint32_t shard, const std::function<void()>& visit)>;

// Fills in what the tables hold: blocks in the order of addresses (without their first bytes),
// stack traces, labels, pools, and the times and figures of the root.
// A block of `moves`, if not null, is listed as it was before its reallocation.
// A module on a stack trace that is not in contents->modules is added from kUnloadedModules on, and
// return addresses in it are moved there.
// Views, with their stack traces, are read if `with_view_shard` is set, which is for their table.
// kFailedPrecondition for a layout of another version.
ALKAID_EXPORT Status ReadHeapTables(const HeapRoot& root, const WithShardLocked& with_shard,
                                    PendingMoves* moves, HeapContents* contents,
                                    const WithShardLocked& with_view_shard = {});

// Only the views. Their `stack` is still the id in the tables.
ALKAID_EXPORT void ReadViews(const Table& table, const WithShardLocked& with_shard,
                             std::vector<HeapView>* views);

}  // namespace alkaid::heap
