// RetentionReport: which roots are kept alive by views, how little of them the views show, and who
// made the views.
//
//   ALKAID_ASSIGN_OR_RAISE(const auto report, heap::RetentionReport::Take());
//   std::fputs(report.ToString().c_str(), stderr);
//
// A root is a Buffer that slices refer to; all its bytes stay as long as one slice lives. A byte is
// visible if at least one live view shows it; it counts once. All other bytes are hidden: they are
// kept for nothing. roots() begins with the root that hides the most bytes.
//
//     root   |################################|   held
//     views     |====|     |=====|                visible: the union of the views
//                  |===|                          hidden: the rest of the root
//
// What is known: slices, datagrams, batches, events and array views that were made while views were
// tracked.
// - A root without views is not listed: its holder sees all of it.
// - A root whose holder also has slices of it is listed with what the slices show, though its
//   holder sees all of it: this is not known here.
// - A root whose slices are older than tracking is listed from its first later view on, with what
//   the later views show.
// - An empty view keeps its root and shows nothing.
//
// Other threads go on making and dropping views meanwhile: each view is listed as it was at one
// moment, but not all at the same moment. No byte of a root is read, so a root may be freed
// meanwhile.
//
// Ownership: a report is a value that refers to no live object.
// Threads: Take and MeasureRetention from any thread, several at once too; a report never changes.
// Out of memory: Take, Of and MeasureRetention return kResourceExhausted; all else throws
// std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap {

// No recorded time: later than any that a datagram can have.
inline constexpr uint64_t kNoTime = UINT64_MAX;

struct RetentionTotals {
  int64_t roots = 0;          // roots that live views keep
  int64_t views = 0;          // live views
  int64_t root_bytes = 0;     // held by the roots
  int64_t visible_bytes = 0;  // of these, in at least one view

  int64_t hidden_bytes() const { return root_bytes - visible_bytes; }
};

// Only the totals, for a program that records them with each event. Takes about 120 ns
// (retention_bench) and 80 bytes for each live view, and frees the bytes. kFailedPrecondition if
// views are not tracked; the message says how to track them.
ALKAID_EXPORT Result<RetentionTotals> MeasureRetention();

// The views of one root that one thread made at one place.
struct RetentionHolder {
  uint32_t stack = 0;   // index in the snapshot's `stacks`
  uint32_t thread = 0;  // the kernel's id of the thread that made them
  int64_t views = 0;
  int64_t view_bytes = 0;     // sum over the views: a byte counts once for each view
  int64_t visible_bytes = 0;  // in at least one of them
  uint64_t oldest_ns = 0;     // when the oldest was made, CLOCK_MONOTONIC
};

struct RetainedRoot {
  uint64_t root = 0;          // address of the Buffer
  uint64_t address = 0;       // of its first byte
  int64_t held_bytes = 0;     // its capacity when the latest of these views was made
  int64_t visible_bytes = 0;  // in at least one view
  int64_t views = 0;
  uint64_t oldest_ns = 0;  // when the oldest view was made, CLOCK_MONOTONIC
  uint64_t birth_ns = 0;   // when its block was allocated, or first seen; 0: not known
  std::string label;       // of its block
  std::string pool;        // of its block; "" if not known
  std::vector<RetentionHolder> holders;  // most visible bytes first

  // Where its bytes came from, as far as their reader reported it; otherwise empty and -1.
  std::string source;
  int64_t source_offset = -1;  // offset in the source of its first such byte
  // The least and the greatest time that is recorded in its bytes: of all bytes, and of those that
  // live views show. Nanoseconds since the source's epoch; kNoTime if not known. If a root has more
  // than a few thousand times, the visible range may be somewhat too wide, but never too narrow.
  uint64_t first_time_ns = kNoTime;
  uint64_t last_time_ns = kNoTime;
  uint64_t first_visible_time_ns = kNoTime;
  uint64_t last_visible_time_ns = kNoTime;

  int64_t hidden_bytes() const { return held_bytes - visible_bytes; }
  // The visible share of the held bytes: 0 to 1. An empty root counts as fully visible.
  double ratio() const {
    return held_bytes <= 0 ? 1
                           : static_cast<double>(visible_bytes) / static_cast<double>(held_bytes);
  }
};

struct RetentionTextOptions {
  // Roots, 0: all. Those of one label and pool that views of the same places keep count as one: the
  // worst is shown, and how much all of them hold; the place that hides most comes first.
  size_t top = 10;
  size_t top_holders = 3;  // of each root; 0: all
  // Turns a return address into lines. Not set: the file and the offset in it. In the process that
  // the report is of, also the function, if the file exports it.
  std::function<std::vector<std::string>(uint64_t return_address)> name_frame;
  bool all_frames = false;  // also of allocators, libraries and Alkaid: stack_trace_text.h
};

class ALKAID_EXPORT RetentionReport {
 public:
  // Of this process. kFailedPrecondition if views are not tracked (the message says how to track
  // them), or if tracking stopped meanwhile.
  static Result<RetentionReport> Take();
  // Of a snapshot, which may come from a file (heap_file.h). kFailedPrecondition if views were not
  // tracked when it was taken.
  static Result<RetentionReport> Of(HeapSnapshot snapshot);

  const RetentionTotals& totals() const { return totals_; }
  // Most hidden bytes first; roots that hide the same number, by address.
  const std::vector<RetainedRoot>& roots() const { return roots_; }
  // Has the stack traces that the holders' `stack` names.
  const HeapSnapshot& snapshot() const { return snapshot_; }
  // Nanoseconds from that moment to the report.
  uint64_t AgeOf(uint64_t monotonic_ns) const {
    const uint64_t taken = snapshot_.contents().taken_ns;
    return taken > monotonic_ns ? taken - monotonic_ns : 0;
  }

  // For people: the totals, then the worst roots and where their views were made.
  std::string ToString(const RetentionTextOptions& options = {}) const;

 private:
  RetentionReport(HeapSnapshot snapshot, std::vector<RetainedRoot> roots, RetentionTotals totals);

  HeapSnapshot snapshot_;
  std::vector<RetainedRoot> roots_;
  RetentionTotals totals_;
};

}  // namespace alkaid::heap
