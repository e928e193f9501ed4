// HeapTables: this process's tables of live memory, in the layout of heap_layout.h.
//
// They exist, empty, before any constructor runs and after every destructor: allocations can happen
// at any time.
//
// Ownership: the library's, never destroyed. Threads: as each table says. Out of memory: as each
// table says.
#pragma once

#include "alkaid/base/export.h"
#include "alkaid/heap/tracking/event_log_internal.h"
#include "alkaid/heap/tracking/fork_gate_internal.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/label_totals_internal.h"
#include "alkaid/heap/tracking/module_table_internal.h"
#include "alkaid/heap/tracking/pending_moves_internal.h"
#include "alkaid/heap/tracking/pool_index_internal.h"
#include "alkaid/heap/tracking/python_frames_internal.h"
#include "alkaid/heap/tracking/record_table_internal.h"
#include "alkaid/heap/tracking/stack_table_internal.h"

namespace alkaid::heap {

struct HeapTables {
  ForkGate gate;  // to all members below except `log` and `python`
  EventLog log;
  BlockTable blocks;
  ViewTable views;
  StackTable stacks;
  ModuleTable& modules;
  PythonFrames python;
  LabelTotals totals;
  PoolIndex pools;
  PendingMoves moves;
  uint64_t serials[BlockTable::kShards];  // the last one used, each under its shard's lock
};

// The one set of tables, and the root that readers outside start from. A program that names
// alkaid_heap_root itself may get its own copy from the linker; Root() is the library's.
ALKAID_EXPORT HeapTables& Tables();
ALKAID_EXPORT HeapRoot& Root();

}  // namespace alkaid::heap
