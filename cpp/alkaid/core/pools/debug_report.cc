#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <new>

#include "alkaid/core/pools/debug_report_internal.h"

namespace alkaid::internal {

FoundBlock::FoundBlock(const DebugRecord* record) {
  if (record == nullptr) return;
  block = record->block;
  state = record->state;
  switch (state) {
    case DebugRecord::State::kLive:
    case DebugRecord::State::kLeaving:
    case DebugRecord::State::kFreed: {
      const auto* const owner = static_cast<const DebugPool*>(record->owner);
      pool = owner->pool;
      std::snprintf(name, sizeof(name), "%s", owner->name);
      break;
    }
    case DebugRecord::State::kPast:
      std::snprintf(name, sizeof(name), "%s", record->past_pool);
      break;
    case DebugRecord::State::kHeld:
    case DebugRecord::State::kNone:
      break;
  }
}

void TraceBlock(const DebugBlock& block, FaultReport* report) {
  if (block.label) report->Line("the block is labelled '%s'", block.label.name());
  report->Trace("allocated", block.allocated);
  report->Trace("freed", block.freed);
}

ByteRange::ByteRange(const BrokenGuard& broken, const uint8_t* from) {
  const int64_t first = broken.first - from;
  const int64_t last = broken.last - from;
  if (first == last) {
    std::snprintf(text, sizeof(text), "byte %lld", AsNumber(first));
  } else {
    std::snprintf(text, sizeof(text), "bytes %lld to %lld", AsNumber(first), AsNumber(last));
  }
}

void ReportOverlap(const DebugBlock& block, const char* pool, const FoundBlock& other) {
  FaultReport report(
      "overlap: the pool gave the %lld-byte block at %p (%s), which overlaps the %lld-byte block "
      "at "
      "%p that it gave before and that %s",
      AsNumber(block.size), AsPointer(block.data), pool, AsNumber(other.block.size),
      AsPointer(other.block.data), other.is_freed() ? "was not given back yet" : "is live");
  TraceBlock(other.block, &report);
  report.Finish();
}

PoolName::PoolName(const MemoryPool& pool) {
  try {
    std::snprintf(text, sizeof(text), "%s", pool.backend_name().c_str());
  } catch (const std::bad_alloc&) {
    std::snprintf(text, sizeof(text), "?");
  }
}

void ReportBlockFault(const MemoryPool& pool, const void* data, const char* kind,
                      const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  FoundBlock found;
  {
    const std::lock_guard guard(debug_table);
    const DebugRecord* record = debug_table.FindOf(pool, data);
    if (record == nullptr) record = debug_table.FindAnywhere(data);
    found = FoundBlock(record);
  }
  FaultReport report("%s: %s", kind, text);
  if (found) TraceBlock(found.block, &report);
  report.Finish();
}

}  // namespace alkaid::internal
