// The blocks of one pool in the debug mode: which live, which were freed of late, and whose stack
// traces they have.
//
//   what the allocator gave                                        the end of its rounding
//   |                                                                                    |
//   | front guard          | the block, as the caller has it | back guard, with the slack |
//   | alignment, from 64   | size                            | at least 64                |
//
// A freed block is filled with guard bytes and stays with the pool for a while: the allocator does
// not hand its address out again, so who frees it a second time is seen, and so is who writes into
// it, when it leaves. What has left is remembered for longer, as long as its address is not in use
// again.
//
// Faults are reported as the mode says (fault_report_internal.h); where that returns, each function
// has done what is least harmful.
//
// Ownership: a pool owns its DebugBlocks; records lie in the table of all pools
// (debug_table_internal.h). Threads: all functions, from any thread; a fork never leaves one
// waiting. Nothing is allocated, reported or asked of an allocator under the table's lock. Out of
// memory: only Enter needs any, and says so.
#pragma once

#include <cstdint>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/core/pools/debug_table_internal.h"
#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::internal {

// What a pool is asked to do with a block.
enum class DebugRequest { kFree, kReallocate };

// Where a block of `size` bytes lies in what is asked of the allocator.
struct DebugLayout {
  DebugLayout(int64_t size, int64_t alignment);
  int64_t front;  // bytes before the block: a multiple of the alignment
  int64_t bytes;  // in all
};

class ALKAID_EXPORT DebugBlocks {
 public:
  // Blocks kept after they were freed, at most so many and of so many bytes in a pool.
  static constexpr int64_t kMostFreed = 1024;
  static constexpr int64_t kMostFreedBytes = int64_t{32} << 20;
  // Of a guard, at most so many bytes are written and checked.
  static constexpr int64_t kMostFrontGuard = 4096;
  static constexpr int64_t kMostSlack = int64_t{64} << 10;

  // `name`: the backend's.
  explicit DebugBlocks(std::string_view name);
  ~DebugBlocks();
  DebugBlocks(const DebugBlocks&) = delete;
  DebugBlocks& operator=(const DebugBlocks&) = delete;

  // The pool that the blocks are of; once, before the first of them.
  void SetPool(MemoryPool* pool);
  // Whether it is one that has DebugBlocks.
  static bool AreOf(const MemoryPool* pool);

  // Takes up the block that an allocator has just given, of which `usable` bytes may be written,
  // and plants its guards. Overlap with another block of this pool is a fault. Null: there is no
  // memory for the record.
  uint8_t* Enter(const TakenBlock& taken, int64_t usable, int64_t size, int64_t alignment);

  // Whose a block is that a pool is to free or to reallocate, and what its size and alignment
  // really are. All that is wrong was reported.
  struct Claim {
    MemoryPool* pool = nullptr;  // null: nobody's
    int64_t size = 0;
    int64_t alignment = 0;
  };
  Claim ClaimBlock(DebugRequest request, const uint8_t* data, int64_t size, int64_t alignment);

  // The block is not in use any more: its guards are checked, and it waits until TakeFreed.
  void Retire(DebugRequest request, uint8_t* data);
  // The block that was freed first, for the allocator; false while there is room for all of them.
  bool TakeFreed(TakenBlock* taken) { return TakeFreed(kMostFreed, kMostFreedBytes, taken); }
  // The same, until none is left.
  bool TakeAnyFreed(TakenBlock* taken) { return TakeFreed(0, 0, taken); }

  // The pool is about to be destroyed: blocks that live are a fault.
  void CheckNoneLive();

 private:
  // Reports a block that is not this pool's, or not any more.
  Claim ReportStray(DebugRequest request, const uint8_t* data, int64_t size);
  bool TakeFreed(int64_t most, int64_t most_bytes, TakenBlock* taken);

  DebugPool pool_;
};

}  // namespace alkaid::internal
