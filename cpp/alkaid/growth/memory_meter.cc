#include <array>
#include <chrono>
#include <string_view>

#include "alkaid/core/pools/allocator_statistics.h"
#include "alkaid/core/pools/guarded_memory_pool.h"
#include "alkaid/core/pools/listed_pools.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/growth/memory_meter_internal.h"
#include "alkaid/growth/process_memory.h"
#include "alkaid/heap/reports/retention_report.h"

namespace alkaid::growth {
namespace {

constexpr std::array<std::string_view, 3> kAllocators = {"system", "jemalloc", "mimalloc"};

double Megabytes(int64_t bytes) { return static_cast<double>(bytes) / kBytesPerMb; }

double UnixTime() {
  using Seconds = std::chrono::duration<double>;
  return Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Whether the list of pools shows an adaptor under this name, or the statistics of a program's own
// pool, which may be an adaptor.
bool IsAdaptor(std::string_view name) {
  return name.starts_with("proxy of ") || name.starts_with("quota of ") ||
         name.starts_with("guarded over ") || name == "statistics";
}

int64_t LiveBytes() {
  // The pools below the adaptors do not count guarded blocks.
  int64_t live = GetGuardedStatistics().adaptor_bytes;
  internal::VisitListedPools(
      [](const internal::ListedPool& pool, void* sum) {
        if (!IsAdaptor(pool.name)) *static_cast<int64_t*>(sum) += pool.bytes_allocated;
      },
      &live);
  return live;
}

void MeasureAllocators(MemoryStamp* stamp) {
  int64_t held = 0;
  int64_t in_use = 0;
  for (const std::string_view allocator : kAllocators) {
    const AllocatorStatistics statistics = GetAllocatorStatistics(allocator);
    if (!statistics.held_bytes || !statistics.in_use_bytes) return;
    held += *statistics.held_bytes;
    in_use += *statistics.in_use_bytes;
  }
  stamp->held_mb = Megabytes(held);
  stamp->in_use_mb = Megabytes(in_use);
}

Status MeasureViews(MemoryStamp* stamp) {
  const auto totals = heap::MeasureRetention();
  if (totals.status().code() == StatusCode::kResourceExhausted) return totals.status();
  if (!totals.ok()) return absl::OkStatus();  // views are not tracked
  stamp->roots_mb = Megabytes(totals->root_bytes);
  stamp->visible_mb = Megabytes(totals->visible_bytes);
  return absl::OkStatus();
}

// Whether a pool uses this allocator: an unused one is not started just to release what it has.
bool IsInUse(std::string_view allocator) {
  struct Wanted {
    std::string_view name;
    bool found = false;
  } wanted = {.name = allocator};
  internal::VisitListedPools(
      [](const internal::ListedPool& pool, void* context) {
        auto* const result = static_cast<Wanted*>(context);
        if (pool.name == result->name) result->found = true;
      },
      &wanted);
  return wanted.found;
}

}  // namespace

Result<MemoryStamp> MeasureMemoryWithoutViews() {
  MemoryStamp stamp;
  stamp.time_s = UnixTime();
  ALKAID_ASSIGN_OR_RAISE(const ProcessMemory process, ReadProcessMemory());
  const GuardedStatistics guarded = GetGuardedStatistics();
  stamp.vm_mb = Megabytes(process.vm - guarded.reserved_bytes + guarded.live_bytes);
  stamp.rss_mb = Megabytes(process.rss);
  stamp.live_mb = Megabytes(LiveBytes());
  MeasureAllocators(&stamp);
  return stamp;
}

Result<MemoryStamp> MeasureMemory() {
  ALKAID_ASSIGN_OR_RAISE(MemoryStamp stamp, MeasureMemoryWithoutViews());
  ALKAID_RETURN_NOT_OK(MeasureViews(&stamp));
  return stamp;
}

void ReleaseAllUnused() {
  MemoryPool* pool = nullptr;
  if (IsInUse("jemalloc") && jemalloc_memory_pool(&pool).ok()) pool->ReleaseUnused();
  if (IsInUse("mimalloc") && mimalloc_memory_pool(&pool).ok()) pool->ReleaseUnused();
  system_memory_pool()->ReleaseUnused();
}

}  // namespace alkaid::growth
