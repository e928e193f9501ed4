// Diff: what changed between two snapshots.
//
// A block is the same in both if address, serial, birth and size agree. All other blocks of the
// first were freed; all other blocks of the second are new. A forked child has its parent's tables
// as they were at the fork: blocks from before the fork are the same in both processes, later ones
// are not. If the snapshots are of different tables (another process, or a new start of tracking),
// no block is the same. Stack traces are compared by file and place in it, so that two runs can be
// compared.
//
// If one of the two is sampled, bytes and blocks are estimates.
//
// Ownership: a HeapDiff is a value; its indices refer to the snapshots that it was made from.
// Threads: pure functions. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap {

// Freed blocks and new blocks.
struct HeapChange {
  int64_t freed_bytes = 0;
  int64_t freed_blocks = 0;
  int64_t new_bytes = 0;
  int64_t new_blocks = 0;
  uint64_t oldest_ns = 0;  // the greatest age of a new block when `after` was taken

  int64_t bytes() const { return new_bytes - freed_bytes; }
  int64_t blocks() const { return new_blocks - freed_blocks; }
};

struct HeapNameChange : HeapChange {
  std::string name;  // of a label or a pool, or a thread's number
};

struct HeapStackChange : HeapChange {
  std::vector<uint64_t> frames;  // return addresses, innermost first; empty: no stack trace
  // The modules of `after` name the frames; false: those of `before`.
  bool of_after = true;
  // Of the first such block: blocks of several labels may share a stack trace.
  std::string label;
  std::string pool;
};

struct HeapDiff {
  HeapChange total;
  bool estimated = false;     // one of the two is sampled
  bool same_process = false;  // both are of the same tables, or of a fork's copy of them
  // Indices in before.blocks() and after.blocks(), by address.
  std::vector<uint32_t> freed_blocks;
  std::vector<uint32_t> new_blocks;
  // Only what changed; the greatest change of bytes first, whether up or down.
  std::vector<HeapNameChange> by_label;
  std::vector<HeapNameChange> by_pool;
  std::vector<HeapNameChange> by_thread;
  std::vector<HeapStackChange> by_stack;
};

// Diff(HeapSnapshot(), snapshot) lists all of `snapshot` as new.
ALKAID_EXPORT HeapDiff Diff(const HeapSnapshot& before, const HeapSnapshot& after);

}  // namespace alkaid::heap
