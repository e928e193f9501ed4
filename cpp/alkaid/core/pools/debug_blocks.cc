#include <algorithm>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "alkaid/base/checked_math.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/debug_blocks_internal.h"
#include "alkaid/core/pools/debug_report_internal.h"
#include "alkaid/core/pools/guard_bytes_internal.h"

namespace alkaid::internal {
namespace {

using State = DebugRecord::State;

constexpr int64_t kMinGuard = 64;

const char* NameOf(DebugRequest request) {
  return request == DebugRequest::kFree ? "free" : "reallocate";
}

}  // namespace

DebugLayout::DebugLayout(int64_t size, int64_t alignment)
    : front(std::max(alignment, kMinGuard)),
      // No sum of these passes 64 bits: sizes and alignments have been checked.
      bytes(front + RoundUpToMultipleOf64(size) + kMinGuard) {}

DebugBlocks::DebugBlocks(std::string_view name) {
  std::snprintf(pool_.name, sizeof(pool_.name), "%.*s", static_cast<int>(name.size()), name.data());
}

DebugBlocks::~DebugBlocks() {
  const std::lock_guard guard(debug_table);
  if (pool_.pool != nullptr) debug_table.RemovePool(&pool_);
}

void DebugBlocks::SetPool(MemoryPool* pool) {
  const std::lock_guard guard(debug_table);
  pool_.pool = pool;
  debug_table.AddPool(&pool_);
}

uint8_t* DebugBlocks::Enter(const TakenBlock& taken, int64_t usable, int64_t size,
                            int64_t alignment) {
  DebugBlock block;
  block.data = taken.start + DebugLayout(size, alignment).front;
  block.size = size;
  block.alignment = alignment;
  block.taken = taken;
  block.guarded = block.data - std::min(block.data - taken.start, kMaxFrontGuard);
  block.end = taken.start + std::clamp(usable, taken.bytes, taken.bytes + kMaxSlack);
  block.label = Label::Current();
  block.allocated.Capture();
  FoundBlock other;
  {
    const std::lock_guard guard(debug_table);
    const DebugRecord* const older = debug_table.FindOverlap(State::kLive, &pool_, block);
    if (older != nullptr) [[unlikely]]
      other = FoundBlock(older);
    if (debug_table.Enter(State::kLive, &pool_, block) == nullptr) return nullptr;
  }
  if (other) ReportOverlap(block, pool_.name, other);
  PlantGuard(block.guarded, block.data);
  PlantGuard(block.data + size, block.end);
  return block.data;
}

DebugBlocks::Claim DebugBlocks::ClaimBlock(DebugRequest request, const uint8_t* data, int64_t size,
                                           int64_t alignment) {
  DebugBlock block;
  {
    const std::lock_guard guard(debug_table);
    DebugRecord* const record = debug_table.FindBlock(pool_, data);
    if (record != nullptr && record->state == State::kLive) {
      if (request == DebugRequest::kFree) DebugTable::Leave(record);
      if (record->block.size == size && record->block.alignment == alignment) [[likely]]
        return {pool_.pool, size, alignment};
      block = record->block;
    }
  }
  if (block.data == nullptr) return ReportStray(request, data, size);
  const char* const what = NameOf(request);
  if (block.size != size) {
    FaultReport report("wrong size: %s of the %lld-byte block at %p (%s) as one of %lld bytes",
                       what, AsNumber(block.size), AsPointer(data), pool_.name, AsNumber(size));
    TraceBlock(block, &report);
    report.Finish();
  }
  if (block.alignment != alignment) {
    FaultReport report(
        "wrong alignment: %s of the %lld-byte block at %p (%s), aligned to %lld, as one aligned to "
        "%lld",
        what, AsNumber(block.size), AsPointer(data), pool_.name, AsNumber(block.alignment),
        AsNumber(alignment));
    TraceBlock(block, &report);
    report.Finish();
  }
  return {pool_.pool, block.size, block.alignment};
}

DebugBlocks::Claim DebugBlocks::ReportStray(DebugRequest request, const uint8_t* data,
                                            int64_t size) {
  const char* const what = NameOf(request);
  FoundBlock found;
  FoundBlock around;
  {
    const std::lock_guard guard(debug_table);
    const DebugRecord* record = debug_table.FindBlock(pool_, data);
    if (record == nullptr) record = debug_table.FindAnywhere(data);
    found = FoundBlock(record);
    if (!found) around = FoundBlock(debug_table.FindAround(data));
  }
  if (!found) {
    const bool is_nothing = data == zero_size_area || data == ZeroSizePointer(kMaxBufferAlignment);
    FaultReport report("no block: %s of %lld bytes at %p (%s), which is %s", what, AsNumber(size),
                       AsPointer(data), pool_.name,
                       is_nothing ? "the pointer that requests for 0 bytes get"
                       : around   ? "not the first byte of a block"
                                  : "not a block of a pool");
    if (around) {
      report.Line("it lies %lld bytes from the first byte of the %lld-byte block at %p (%s)",
                  AsNumber(data - around.block.data), AsNumber(around.block.size),
                  AsPointer(around.block.data), around.name);
      TraceBlock(around.block, &report);
    }
    report.Finish();
    return {};
  }
  const DebugBlock& block = found.block;
  if (found.state == State::kHeld) {
    FaultReport report(
        "wrong pool: %s of the %lld-byte block at %p (%s), which a buffer holds from a pool that "
        "the program made",
        what, AsNumber(block.size), AsPointer(data), pool_.name);
    TraceBlock(block, &report);
    report.Finish();
    return {};
  }
  if (found.state != State::kLive) {
    FaultReport report(
        "%s: %s of the %lld-byte block at %p (%s), which %s freed already",
        request == DebugRequest::kFree ? "double free" : "reallocation of a freed block", what,
        AsNumber(block.size), AsPointer(data), pool_.name,
        found.state == State::kLeaving ? "is being" : "was");
    if (found.pool != nullptr ? found.pool != pool_.pool
                              : std::strcmp(found.name, pool_.name) != 0) {
      report.Line("the block belonged to another pool (%s)", found.name);
    }
    TraceBlock(block, &report);
    report.Finish();
    return {};
  }
  FaultReport report(
      "wrong pool: %s of the %lld-byte block at %p (%s), which belongs to another pool (%s)", what,
      AsNumber(block.size), AsPointer(data), pool_.name, found.name);
  TraceBlock(block, &report);
  report.Finish();
  return {found.pool, block.size, block.alignment};
}

void DebugBlocks::Retire(DebugRequest request, uint8_t* data) {
  const char* const what = NameOf(request);
  DebugBlock block;
  uint64_t entered = 0;
  {
    const std::lock_guard guard(debug_table);
    DebugRecord* const record = debug_table.FindBlock(pool_, data);
    const State expected = request == DebugRequest::kFree ? State::kLeaving : State::kLive;
    if (record != nullptr && record->state == expected) {
      DebugTable::Leave(record);
      block = record->block;
      entered = record->entered;
    }
  }
  if (block.data == nullptr) {  // another thread is freeing it now
    ReportStray(request, data, 0);
    return;
  }
  // The block is this thread's until it waits.
  const uint8_t* const last = data + block.size;
  if (const BrokenGuard front = CheckGuard(block.guarded, data)) {
    FaultReport report(
        "underrun: %s of the %lld-byte block at %p (%s): %s before its start %s overwritten", what,
        AsNumber(block.size), AsPointer(data), pool_.name, ByteRange(front, data).text,
        front.first == front.last ? "was" : "were");
    TraceBlock(block, &report);
    report.Finish();
  }
  if (const BrokenGuard back = CheckGuard(last, block.end)) {
    FaultReport report(
        "overrun: %s of the %lld-byte block at %p (%s): %s past its end %s overwritten", what,
        AsNumber(block.size), AsPointer(data), pool_.name, ByteRange(back, last).text,
        back.first == back.last ? "was" : "were");
    TraceBlock(block, &report);
    report.Finish();
  }
  block.freed.Capture();
  block.is_filled = block.taken.bytes <= kMaxFreedBytes;
  if (block.is_filled) PlantGuard(block.guarded, block.end);
  const std::lock_guard guard(debug_table);
  DebugRecord* const record = debug_table.FindBlock(pool_, data);
  // The allocator may have given the address again meanwhile, which was reported.
  if (record == nullptr || record->entered != entered) return;
  record->block = block;
  debug_table.Wait(&pool_, record);
}

bool DebugBlocks::TakeFreed(int64_t most, int64_t most_bytes, TakenBlock* taken) {
  DebugBlock block;
  {
    const std::lock_guard guard(debug_table);
    if (pool_.freed <= most && pool_.freed_bytes <= most_bytes) return false;
    DebugRecord* const record = debug_table.FirstWaiting(pool_);
    block = record->block;
    debug_table.Remember(&pool_, record);
  }
  *taken = block.taken;
  if (!block.is_filled) return true;
  if (const BrokenGuard written = CheckGuard(block.guarded, block.end)) {
    FaultReport report(
        "write to a freed block: %s of the %lld-byte block at %p (%s), counted from its start, %s "
        "written after it was freed",
        ByteRange(written, block.data).text, AsNumber(block.size), AsPointer(block.data),
        pool_.name, written.first == written.last ? "was" : "were");
    TraceBlock(block, &report);
    report.Finish();
  }
  return true;
}

bool DebugBlocks::AreOf(const MemoryPool* pool) {
  const std::lock_guard guard(debug_table);
  return debug_table.FindPool(pool) != nullptr;
}

void DebugBlocks::CheckNoneLive() {
  constexpr int kMaxShown = 4;
  DebugBlock shown[kMaxShown];
  int64_t blocks = 0;
  int64_t bytes = 0;
  {
    const std::lock_guard guard(debug_table);
    const DebugRecord* record = debug_table.FirstBlock(pool_);
    for (; record != nullptr; record = debug_table.NextBlock(*record)) {
      if (record->state != State::kLive) continue;
      if (blocks < kMaxShown) shown[blocks] = record->block;
      ++blocks;
      bytes += record->block.size;
    }
  }
  if (blocks == 0) return;
  FaultReport report(
      "live blocks: a pool (%s) is destroyed while %lld of its blocks, of %lld bytes, "
      "%s not freed",
      pool_.name, AsNumber(blocks), AsNumber(bytes), blocks == 1 ? "is" : "are");
  for (int64_t i = 0; i < std::min<int64_t>(blocks, kMaxShown); ++i) {
    report.Line("the %lld-byte block at %p", AsNumber(shown[i].size), AsPointer(shown[i].data));
    TraceBlock(shown[i], &report);
  }
  if (blocks > kMaxShown) report.Line("and %lld more", AsNumber(blocks - kMaxShown));
  report.Finish();
}

}  // namespace alkaid::internal
