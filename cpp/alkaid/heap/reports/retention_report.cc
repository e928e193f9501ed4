#include "alkaid/heap/reports/retention_report.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <tuple>
#include <utility>

#include "alkaid/heap/reports/heap_reader_internal.h"
#include "alkaid/heap/reports/retained_sources_internal.h"
#include "alkaid/heap/reports/root_groups_internal.h"
#include "alkaid/heap/tracking/heap_tables_internal.h"
#include "alkaid/heap/tracking/heap_tracker_internal.h"
#include "alkaid/heap/tracking/tracking.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {
namespace {

constexpr char kHow[] =
    "set ALKAID_TRACK_ALLOCATIONS=views before the process starts, or call StartTracking with "
    "TrackingOptions::views";

Status NotWatched(const char* what) {
  return status::FailedPrecondition(what, ": views are not tracked; ", kHow);
}

int64_t AddUpTo(int64_t a, int64_t b) { return a > INT64_MAX - b ? INT64_MAX : a + b; }

// Most visible bytes first; holders with the same number, in the order of stack traces and threads.
std::vector<RetentionHolder> HoldersOf(const std::vector<HeapView>& views,
                                       std::span<uint32_t> of_root, int64_t root_bytes) {
  const auto place = [&views](uint32_t i) { return std::tie(views[i].stack, views[i].thread); };
  std::sort(of_root.begin(), of_root.end(),
            [&](uint32_t a, uint32_t b) { return place(a) < place(b); });
  std::vector<RetentionHolder> holders;
  std::vector<AddressRange> ranges;
  for (size_t i = 0; i < of_root.size();) {
    const HeapView& first = views[of_root[i]];
    RetentionHolder& holder = holders.emplace_back();
    holder.stack = first.stack;
    holder.thread = first.thread;
    holder.oldest_ns = first.birth_ns;
    ranges.clear();
    for (; i < of_root.size() && place(of_root[i]) == std::tie(holder.stack, holder.thread); ++i) {
      const HeapView& view = views[of_root[i]];
      ++holder.views;
      holder.view_bytes = AddUpTo(holder.view_bytes, view.size);
      holder.oldest_ns = std::min(holder.oldest_ns, view.birth_ns);
      ranges.push_back(VisibleRange(view, root_bytes));
    }
    holder.visible_bytes = Merge(&ranges);
  }
  std::stable_sort(holders.begin(), holders.end(),
                   [](const RetentionHolder& a, const RetentionHolder& b) {
                     return a.visible_bytes > b.visible_bytes;
                   });
  return holders;
}

// The block that contains the root's first byte, or null.
const HeapBlock* BlockOf(const HeapContents& contents, uint64_t address) {
  const auto after =
      std::upper_bound(contents.blocks.begin(), contents.blocks.end(), address,
                       [](uint64_t wanted, const HeapBlock& b) { return wanted < b.address; });
  if (after == contents.blocks.begin()) return nullptr;
  const HeapBlock& block = *std::prev(after);
  const bool inside =
      address == block.address || address - block.address < static_cast<uint64_t>(block.size);
  return inside ? &block : nullptr;
}

void NameBlock(const HeapContents& contents, RetainedRoot* root) {
  const HeapBlock* const block = BlockOf(contents, root->address);
  if (block == nullptr) return;
  root->label = contents.labels[block->label];
  root->pool = contents.pools[block->pool].name;
  root->birth_ns = block->birth_ns;
}

RetainedRoot MakeRoot(const HeapContents& contents, const RetainedSources& sources,
                      std::span<uint32_t> of_root, std::vector<AddressRange>* ranges) {
  const HeapView& any = contents.views[of_root.front()];
  RetainedRoot root;
  root.root = any.root;
  root.address = any.root_data;
  root.held_bytes = RootBytes(contents.views, of_root);
  root.views = static_cast<int64_t>(of_root.size());
  root.oldest_ns = any.birth_ns;
  ranges->clear();
  for (const uint32_t i : of_root) {
    ranges->push_back(VisibleRange(contents.views[i], root.held_bytes));
    root.oldest_ns = std::min(root.oldest_ns, contents.views[i].birth_ns);
  }
  root.visible_bytes = Merge(ranges);
  root.holders = HoldersOf(contents.views, of_root, root.held_bytes);
  NameBlock(contents, &root);
  sources.Name(*ranges, &root);
  return root;
}

void AddRoot(int64_t views, int64_t held, int64_t visible, RetentionTotals* totals) {
  ++totals->roots;
  totals->views += views;
  totals->root_bytes = AddUpTo(totals->root_bytes, held);
  totals->visible_bytes = AddUpTo(totals->visible_bytes, visible);
}

Result<RetentionTotals> MeasureNow() {
  const uint32_t epoch = HeapTracker::Get().epoch();
  std::vector<HeapView> views;
  ReadViews(
      Root().views,
      [](uint32_t shard, const std::function<void()>& visit) {
        Tables().views.WithShard(shard, visit);
      },
      &views);
  if (!HeapTracker::Get().IsStillOn(epoch)) {
    return status::FailedPrecondition(
        "retention was not measured: tracking was switched off or restarted meanwhile");
  }
  RetentionTotals totals;
  RootGroups groups(views);
  std::vector<AddressRange> ranges;
  for (size_t i = 0; i < groups.size(); ++i) {
    const auto of_root = groups[i];
    const int64_t held = RootBytes(views, of_root);
    ranges.clear();
    for (const uint32_t view : of_root) ranges.push_back(VisibleRange(views[view], held));
    AddRoot(static_cast<int64_t>(of_root.size()), held, Merge(&ranges), &totals);
  }
  return totals;
}

}  // namespace

Result<RetentionTotals> MeasureRetention() {
  if (!HeapTracker::Get().watches_views()) return NotWatched("retention cannot be measured");
  const InsideTracking inside;
  try {
    return MeasureNow();
  } catch (const std::bad_alloc&) {
    return status::OutOfMemory("no memory for the live views");
  }
}

Result<RetentionReport> RetentionReport::Take() {
  if (!HeapTracker::Get().watches_views()) return NotWatched("no retention report can be made");
  ALKAID_ASSIGN_OR_RAISE(HeapSnapshot snapshot, HeapSnapshot::Take("retention"));
  return Of(std::move(snapshot));
}

Result<RetentionReport> RetentionReport::Of(HeapSnapshot snapshot) {
  const HeapContents& contents = snapshot.contents();
  if (!contents.has_views) {
    return status::FailedPrecondition("the snapshot \"", contents.name,
                                      "\" has no views, since none were tracked; ", kHow);
  }
  const InsideTracking inside;
  try {
    RetentionTotals totals;
    std::vector<RetainedRoot> roots;
    const RetainedSources sources(contents);
    RootGroups groups(contents.views);
    roots.reserve(groups.size());
    std::vector<AddressRange> ranges;
    for (size_t i = 0; i < groups.size(); ++i) {
      const RetainedRoot& root =
          roots.emplace_back(MakeRoot(contents, sources, groups[i], &ranges));
      AddRoot(root.views, root.held_bytes, root.visible_bytes, &totals);
    }
    std::sort(roots.begin(), roots.end(), [](const RetainedRoot& a, const RetainedRoot& b) {
      if (a.hidden_bytes() != b.hidden_bytes()) return a.hidden_bytes() > b.hidden_bytes();
      return std::tie(a.address, a.root) < std::tie(b.address, b.root);
    });
    return RetentionReport(std::move(snapshot), std::move(roots), totals);
  } catch (const std::bad_alloc&) {
    return status::OutOfMemory("no memory for a report of what views keep");
  }
}

RetentionReport::RetentionReport(HeapSnapshot snapshot, std::vector<RetainedRoot> roots,
                                 RetentionTotals totals)
    : snapshot_(std::move(snapshot)), roots_(std::move(roots)), totals_(totals) {}

}  // namespace alkaid::heap
