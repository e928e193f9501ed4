// The parts of debug mode reports that describe blocks.
//
// Ownership: copies, so that a report is made without the table's lock. Threads: any. Out of
// memory: nothing here allocates, except the name of a pool of the program's own.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/core/pools/debug_table_internal.h"
#include "alkaid/core/pools/fault_report_internal.h"
#include "alkaid/core/pools/guard_bytes_internal.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::internal {

// A copy of a record, or of none.
struct FoundBlock {
  FoundBlock() = default;
  explicit FoundBlock(const DebugRecord* record);

  explicit operator bool() const { return state != DebugRecord::State::kNone; }
  bool is_freed() const {
    return state == DebugRecord::State::kFreed || state == DebugRecord::State::kPast;
  }

  DebugBlock block;
  DebugRecord::State state = DebugRecord::State::kNone;
  MemoryPool* pool = nullptr;  // the debug mode pool that has the block
  char name[64] = "?";         // of the pool that has or had the block; not known for held ones
};

inline const void* AsPointer(const void* pointer) { return pointer; }
inline long long AsNumber(int64_t number) { return number; }

// The block's label and stack traces.
void TraceBlock(const DebugBlock& block, FaultReport* report);

// "bytes 3 to 5", counted upwards from `from`, or downwards from -1.
struct ByteRange {
  ByteRange(const BrokenGuard& broken, const uint8_t* from);
  char text[64];
};

// Reports that a pool of this name gave a block that overlaps one that it gave before.
void ReportOverlap(const DebugBlock& block, const char* pool, const FoundBlock& other);

// A pool's name for a report; "?" if there is no memory for it.
struct PoolName {
  ALKAID_EXPORT explicit PoolName(const MemoryPool& pool);
  char text[64];
};

// Reports a fault in bytes of the pool's block, with the block's stack traces if known. `kind`, and
// a text in printf's format.
[[gnu::format(printf, 4, 5)]] ALKAID_EXPORT void ReportBlockFault(const MemoryPool& pool,
                                                                  const void* data,
                                                                  const char* kind,
                                                                  const char* format, ...);

}  // namespace alkaid::internal
