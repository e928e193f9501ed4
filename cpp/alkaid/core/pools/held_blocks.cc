#include <mutex>

#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/debug_report_internal.h"
#include "alkaid/core/pools/debug_table_internal.h"
#include "alkaid/core/pools/held_blocks_internal.h"

namespace alkaid::internal {

void NoteHeldBlock(const MemoryPool& pool, const uint8_t* data, int64_t size) {
  if (size == 0) return;
  DebugBlock block;
  block.data = const_cast<uint8_t*>(data);
  block.size = size;
  block.taken = {block.data, size, 0};
  block.end = block.data + size;
  block.label = Label::Current();
  block.allocated.Capture();
  FoundBlock other;
  {
    const std::lock_guard guard(debug_table);
    if (debug_table.FindPool(&pool) != nullptr) return;
    other = FoundBlock(debug_table.FindOverlap(DebugRecord::State::kHeld, &pool, block));
    debug_table.Enter(DebugRecord::State::kHeld, &pool, block);
  }
  if (other) ReportOverlap(block, PoolName(pool).text, other);
}

void ForgetHeldBlock(const MemoryPool& pool, const uint8_t* data) {
  const std::lock_guard guard(debug_table);
  if (DebugRecord* const record = debug_table.FindHeld(pool, data)) debug_table.Forget(record);
}

}  // namespace alkaid::internal
