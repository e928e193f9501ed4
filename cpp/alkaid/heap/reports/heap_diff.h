// Diff: what changed between two snapshots.
//
// A block is the same in both when address, serial, birth and size agree; everything else of the
// first was freed since, and everything else of the second is new. A child has its parent's tables
// as they were at the fork: what was there then is the same in both, and what either allocated
// since is not. Where the two are not of the same tables (other processes, or tracking was begun
// anew) no block is the same; back-traces are compared by file and place in it, so that two runs
// can be compared as well.
//
// Where one of the two holds samples only, bytes and blocks are estimates.
//
// Ownership: a HeapDiff is a value; its indices lead into the snapshots that it was made of.
// Threads: pure functions. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap {

// Blocks that went and blocks that came.
struct HeapChange {
  int64_t freed_bytes = 0;
  int64_t freed_blocks = 0;
  int64_t new_bytes = 0;
  int64_t new_blocks = 0;
  uint64_t oldest_ns = 0;  // the greatest age among the new ones, when `after` was taken

  int64_t bytes() const { return new_bytes - freed_bytes; }
  int64_t blocks() const { return new_blocks - freed_blocks; }
};

struct HeapNameChange : HeapChange {
  std::string name;  // of a label or a pool; a thread's number
};

struct HeapStackChange : HeapChange {
  std::vector<uint64_t> frames;  // return addresses, innermost first; none: no back-trace
  // Whose modules name the frames: those of `after`, or those of `before`.
  bool of_after = true;
  // Of the first block that was met: more than one label may share a back-trace.
  std::string label;
  std::string pool;
};

struct HeapDiff {
  HeapChange total;
  bool estimated = false;     // one of the two is sampled
  bool same_process = false;  // the two are of the same tables, or of those of a fork
  // Indices in before.blocks() and after.blocks(), by address.
  std::vector<uint32_t> freed_blocks;
  std::vector<uint32_t> new_blocks;
  // What did not change at all is left out. Greatest change of bytes first, either way.
  std::vector<HeapNameChange> by_label;
  std::vector<HeapNameChange> by_pool;
  std::vector<HeapNameChange> by_thread;
  std::vector<HeapStackChange> by_stack;
};

// Everything of `snapshot` is a change from an empty one: Diff(HeapSnapshot(), snapshot).
ALKAID_EXPORT HeapDiff Diff(const HeapSnapshot& before, const HeapSnapshot& after);

}  // namespace alkaid::heap
