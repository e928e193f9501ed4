// The tables of live memory of this process: those that heap_layout.h lets others read.
//
// They are there, empty, before any constructor has run and after every destructor has: allocations
// can come at any time.
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
  ForkGate gate;  // to all that follows but `log` and `python`
  EventLog log;
  BlockTable blocks;
  ViewTable views;
  StackTable stacks;
  ModuleTable& modules;
  PythonFrames python;
  LabelTotals totals;
  PoolIndex pools;
  PendingMoves moves;
  uint64_t serials[BlockTable::kShards];  // last given, each under the lock of its shard
};

// The one set of tables, and the root that readers from outside begin with. A program that names
// alkaid_heap_root itself may get a copy of its own from the linker; this is the library's.
ALKAID_EXPORT HeapTables& Tables();
ALKAID_EXPORT HeapRoot& Root();

}  // namespace alkaid::heap
