// The blocks of one pool in the debug mode: those that live, those freed recently, and their stack
// traces.
//
//   what the allocator gave                                        the end of its rounding
//   |                                                                                    |
//   | front guard          | the block, as the caller has it | back guard, with the slack |
//   | alignment, from 64   | size                            | at least 64                |
//
// A freed block is filled with guard bytes and stays with the pool for a while. The allocator
// cannot hand out its address again, so a second free is detected; a write into the block is
// detected when it leaves. After a block has left, the table remembers it until its address is in
// use again, up to a limit.
//
// Faults are reported as the mode says (fault_report_internal.h). If the report returns, each
// function does what is least harmful.
//
// Ownership: a pool owns its DebugBlocks; records are in the table of all pools
// (debug_table_internal.h).
// Threads: all functions, from any thread; a fork never leaves one waiting. Under the table's lock
// nothing is allocated or reported, and no allocator is called.
// Out of memory: only Enter needs memory, and reports its lack.
#pragma once

#include <cstdint>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/core/pools/debug_table_internal.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::internal {

// What a pool is to do with a block.
enum class DebugRequest { kFree, kReallocate };

// Where a block of `size` bytes lies within the allocator's block.
struct DebugLayout {
  DebugLayout(int64_t size, int64_t alignment);
  int64_t front;  // bytes before the block: a multiple of the alignment
  int64_t bytes;  // in total
};

class ALKAID_EXPORT DebugBlocks {
 public:
  // The most blocks that a pool keeps after they were freed, and the most bytes of these.
  static constexpr int64_t kMaxFreed = 1024;
  static constexpr int64_t kMaxFreedBytes = int64_t{32} << 20;
  // The most bytes of a guard that are written and checked.
  static constexpr int64_t kMaxFrontGuard = 4096;
  static constexpr int64_t kMaxSlack = int64_t{64} << 10;

  // `name`: the backend's.
  explicit DebugBlocks(std::string_view name);
  ~DebugBlocks();
  DebugBlocks(const DebugBlocks&) = delete;
  DebugBlocks& operator=(const DebugBlocks&) = delete;

  // Sets the pool that owns the blocks; once, before the first of them.
  void SetPool(MemoryPool* pool);
  // Whether the pool has DebugBlocks.
  static bool AreOf(const MemoryPool* pool);

  // Takes over the block that an allocator has just given, of which `usable` bytes may be written,
  // and writes its guards. Overlap with another block of this pool is a fault. Null: no memory for
  // the record.
  uint8_t* Enter(const TakenBlock& taken, int64_t usable, int64_t size, int64_t alignment);

  // Which pool owns a block that is to be freed or reallocated, and its true size and alignment.
  // All that is wrong has been reported.
  struct Claim {
    MemoryPool* pool = nullptr;  // null: no pool's
    int64_t size = 0;
    int64_t alignment = 0;
  };
  Claim ClaimBlock(DebugRequest request, const uint8_t* data, int64_t size, int64_t alignment);

  // Ends the block's use: checks its guards, and keeps it until TakeFreed.
  void Retire(DebugRequest request, uint8_t* data);
  // Takes the block that was freed first, for the allocator; false while there is room for all.
  bool TakeFreed(TakenBlock* taken) { return TakeFreed(kMaxFreed, kMaxFreedBytes, taken); }
  // The same until none is left.
  bool TakeAnyFreed(TakenBlock* taken) { return TakeFreed(0, 0, taken); }

  // Called before the pool is destroyed: live blocks are a fault.
  void CheckNoneLive();

 private:
  // Reports a block that is not this pool's, or not any more.
  Claim ReportStray(DebugRequest request, const uint8_t* data, int64_t size);
  bool TakeFreed(int64_t most, int64_t most_bytes, TakenBlock* taken);

  DebugPool pool_;
};

}  // namespace alkaid::internal
