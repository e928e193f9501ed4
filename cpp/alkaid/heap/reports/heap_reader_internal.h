// Reading the live tables of this process, beside threads that go on changing them.
//
// One shard after the other is copied under its lock: whoever allocates waits for the copy of one
// at most, some 16,000 records where a million are live.
//
// Ownership: `root` is borrowed, and tracking must stay on, until the call is over.
// Threads: all functions, from any thread.
// Out of memory: throws std::bad_alloc. What is allocated here would be recorded in the very tables
// that are read, unless the caller is
// InsideTracking.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/pending_moves_internal.h"

namespace alkaid::heap {

// Calls `visit` with the lock of that shard of the table held.
using WithShardLocked = std::function<void(uint32_t shard, const std::function<void()>& visit)>;

// Fills in what the tables hold: blocks in the order of addresses, without their first bytes,
// back-traces, labels, pools, and the times and figures of the root. A block of `moves`, if that is
// not null, is listed as it was before its reallocation. kFailedPrecondition for a layout of
// another version. Return addresses in a module that is not, or not any more, among
// contents->modules are moved to where it is listed then (kUnloadedModules). Views are read where
// `with_view_shard`, for their table, is set; with their back-traces.
ALKAID_EXPORT Status ReadHeapTables(const HeapRoot& root, const WithShardLocked& with_shard,
                                    PendingMoves* moves, HeapContents* contents,
                                    const WithShardLocked& with_view_shard = {});

// The views alone. `stack` is still the id in the tables.
ALKAID_EXPORT void ReadViews(const Table& table, const WithShardLocked& with_shard,
                             std::vector<HeapView>* views);

}  // namespace alkaid::heap
