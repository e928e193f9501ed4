// What the reports of the debug mode say of blocks.
//
// Ownership: copies, so that a report is made without the table's lock. Threads: any. Out of
// memory: nothing here allocates, but for the name that a pool of the program's own makes of
// itself.
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
  MemoryPool* pool = nullptr;  // of the debug mode, that has the block
  char name[64] = "?";  // that pool's, or the one's that had the block; of held ones not known
};

inline const void* AsPointer(const void* pointer) { return pointer; }
inline long long AsNumber(int64_t number) { return number; }

// The block's label and stack traces.
void TraceBlock(const DebugBlock& block, FaultReport* report);

// "bytes 3 to 5", counted from `from` upwards, or downwards from -1.
struct ByteRange {
  ByteRange(const BrokenGuard& broken, const uint8_t* from);
  char text[64];
};

// That a pool of this name gave a block which lies over one that it gave before.
void ReportOverlap(const DebugBlock& block, const char* pool, const FoundBlock& other);

// What a pool calls itself, for a report. Where there is no memory for that, "?".
struct PoolName {
  ALKAID_EXPORT explicit PoolName(const MemoryPool& pool);
  char text[64];
};

// Reports a fault in bytes of the pool's block, with the block's stack traces where they are known.
// `kind` and a text in printf's format.
[[gnu::format(printf, 4, 5)]] ALKAID_EXPORT void ReportBlockFault(const MemoryPool& pool,
                                                                  const void* data,
                                                                  const char* kind,
                                                                  const char* format, ...);

}  // namespace alkaid::internal
