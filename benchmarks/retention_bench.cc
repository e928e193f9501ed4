// What does a report of retention cost for a million live slices over ten thousand roots, against
// one pass over their table?
//
// The slices overlap, were made at two places, and hide nine tenths of their roots.

#include <dlfcn.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/heap/reports/retention_report.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/tracking.h"
#include "benchmark_program.h"

namespace alkaid::bench {
namespace {

constexpr int64_t kRoots = 10'000;
constexpr int64_t kSlicesOfRoot = 100;
constexpr int64_t kViews = kRoots * kSlicesOfRoot;
constexpr int64_t kRootBytes = 4096;
// Slices of 8 bytes, 4 bytes apart, every second of them twice.
constexpr int64_t kVisible = 4 * (kSlicesOfRoot / 2) + 4;
// The limit is 1 s for the million.
constexpr double kMaxNs = 1000;

[[gnu::noinline]] std::shared_ptr<Buffer> SliceHere(const std::shared_ptr<Buffer>& root,
                                                    int64_t at) {
  return SliceBuffer(root, at, 8);
}
[[gnu::noinline]] std::shared_ptr<Buffer> SliceThere(const std::shared_ptr<Buffer>& root,
                                                     int64_t at) {
  return SliceBuffer(root, at, 8);
}

// Root by root, like a program that slices what it has just read.
std::shared_ptr<BufferVector> MakeViews() {
  RequireOk(heap::StartTracking({.views = true}), "tracking");
  auto views = std::make_shared<BufferVector>();
  views->reserve(static_cast<size_t>(kViews));
  for (int64_t i = 0; i < kRoots; ++i) {
    const std::shared_ptr<Buffer> root = Value(AllocateBuffer(kRootBytes), "root");
    for (int64_t j = 0; j < kSlicesOfRoot; ++j) {
      views->push_back(j % 2 == 0 ? SliceHere(root, j / 2 * 4) : SliceThere(root, j / 2 * 4));
    }
  }
  return views;
}

void RequireAll(const heap::RetentionTotals& totals) {
  Require(totals.roots == kRoots && totals.views == kViews &&
              totals.root_bytes == kRoots * kRootBytes && totals.visible_bytes == kRoots * kVisible,
          "the report is another");
}

// Walks over the table like a reader from outside, while others use it.
uint64_t SumOfSizes() {
  // Looked up by name, since the linker may give a program that names it itself a copy.
  static const auto* const root =
      static_cast<const heap::HeapRoot*>(::dlsym(RTLD_DEFAULT, "alkaid_heap_root"));
  const heap::Table& table = root->views;
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < table.shard_count; ++i) {
    const auto& shard = *reinterpret_cast<const heap::TableShard*>(
        reinterpret_cast<const char*>(table.shards) + uint64_t{i} * table.shard_size);
    const heap::RecordArray* const array = shard.array.load();
    if (array == nullptr) continue;
    const char* const records = reinterpret_cast<const char*>(array) + array->header_size;
    for (uint64_t j = 0; j < array->capacity; ++j) {
      const auto& view = *reinterpret_cast<const heap::LiveView*>(records + j * table.record_size);
      if (view.view.load(std::memory_order_acquire) > heap::kGivenBack) bytes += view.size;
    }
  }
  return bytes;
}

void RegisterAll() {
  const auto views = MakeViews();
  const auto read_table = [views](int64_t times) {
    for (int64_t i = 0; i < times; ++i) {
      Require(SumOfSizes() == 8 * uint64_t{kViews}, "the table is another");
    }
  };
  Register({.name = "retention/report",
            .question = "a report of what views keep, ns a view, beside reading their table",
            .variant = "1,000,000 slices of 10,000 roots",
            .measured =
                [views](int64_t times) {
                  for (int64_t i = 0; i < times; ++i) {
                    const auto report = Value(heap::RetentionReport::Take(), "report");
                    RequireAll(report.totals());
                    Require(report.roots().front().holders.size() == 2, "holders are missing");
                  }
                },
            .floor = read_table,
            .bars = {Bar::Most(kMaxNs)},
            .items = kViews});
  Register({.name = "retention/totals",
            .question = "the totals of what views keep, ns a view, beside reading their table",
            .variant = "1,000,000 slices of 10,000 roots",
            .measured =
                [views](int64_t times) {
                  for (int64_t i = 0; i < times; ++i) {
                    RequireAll(Value(heap::MeasureRetention(), "totals"));
                  }
                },
            .floor = read_table,
            .bars = {Bar::Most(kMaxNs)},
            .items = kViews});
}

}  // namespace
}  // namespace alkaid::bench

int main(int argc, char** argv) {
  using namespace alkaid::bench;
  RegisterAll();
  return RunBenchmarks(argc, argv);
}
