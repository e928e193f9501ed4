// RetentionReport: which roots are kept alive by views, how little of them the views show, and who
// made the views.
//
//   ALKAID_ASSIGN_OR_RAISE(const auto report, heap::RetentionReport::Take());
//   std::fputs(report.ToString().c_str(), stderr);
//
// A root is a Buffer that slices refer to; all its bytes stay as long as one slice lives. Visible
// is what lies in at least one live view, each byte counted once; what is not visible is kept for
// nothing. Worst first: the root that hides most bytes is the first of roots().
//
// What is known: slices, datagrams, batches, events and array views that were made while views were
// tracked. A root that nothing but its own reference keeps is not listed: its holder sees all of
// it. Whoever holds a root itself beside slices of it sees all of it too, which is not known here:
// such a root is listed with what the slices show. One whose slices were made before tracking began
// is listed from its first later view on, with what the later ones show. An empty view keeps its
// root and shows nothing.
//
// Other threads go on making and dropping views meanwhile: each view is as it was at one moment,
// but not all at the same one. No byte of a root is read, so none can be gone.
//
// Ownership: a report is a value that refers to nothing alive.
// Threads: Take and MeasureRetention from any thread, several at once too; a report is never
// changed.
// Out of memory: Take, Of and MeasureRetention say kResourceExhausted; all else throws
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
  int64_t roots = 0;          // that live views keep
  int64_t views = 0;          // live
  int64_t root_bytes = 0;     // that the roots hold
  int64_t visible_bytes = 0;  // of these, in at least one view

  int64_t hidden_bytes() const { return root_bytes - visible_bytes; }
};

// The totals alone, for whoever stamps each event: takes about 120 ns (retention_bench) and 80
// bytes for each live view, and gives the bytes back. kFailedPrecondition where views are not
// tracked; the message says how they are.
ALKAID_EXPORT Result<RetentionTotals> MeasureRetention();

// The views of one root that one thread made at one place.
struct RetentionHolder {
  uint32_t stack = 0;   // index in the snapshot's `stacks`
  uint32_t thread = 0;  // the kernel's id of the thread that made them
  int64_t views = 0;
  int64_t view_bytes = 0;     // of all of them, the same byte as often as it is seen
  int64_t visible_bytes = 0;  // in at least one of them
  uint64_t oldest_ns = 0;     // when the oldest was made, CLOCK_MONOTONIC
};

struct RetainedRoot {
  uint64_t root = 0;          // address of the Buffer
  uint64_t address = 0;       // of its first byte
  int64_t held_bytes = 0;     // its capacity, as it was when the latest of these views was made
  int64_t visible_bytes = 0;  // in at least one view
  int64_t views = 0;
  uint64_t oldest_ns = 0;  // when the oldest view was made, CLOCK_MONOTONIC
  uint64_t birth_ns = 0;   // when its block was allocated, or first seen; 0: not known
  std::string label;       // of its block
  std::string pool;        // that its block is of; "" where none is known
  std::vector<RetentionHolder> holders;  // most visible bytes first

  // Where its bytes came from, as far as their reader told. Empty, and -1, where it did not.
  std::string source;
  int64_t source_offset = -1;  // byte of the source that is its first such byte
  // The least and the greatest of the times that are recorded in its bytes, nanoseconds since the
  // source's epoch; kNoTime where none is known. Of all of them, and of those that live views show.
  // Where a root has more than a few thousand, the visible ones may be told somewhat too wide, and
  // never too narrow.
  uint64_t first_time_ns = kNoTime;
  uint64_t last_time_ns = kNoTime;
  uint64_t first_visible_time_ns = kNoTime;
  uint64_t last_visible_time_ns = kNoTime;

  int64_t hidden_bytes() const { return held_bytes - visible_bytes; }
  // The visible share of what is held: 0 to 1. An empty root shows all that it has.
  double ratio() const {
    return held_bytes <= 0 ? 1
                           : static_cast<double>(visible_bytes) / static_cast<double>(held_bytes);
  }
};

struct RetentionTextOptions {
  size_t top = 10;         // roots; 0: all
  size_t top_holders = 3;  // of each root; 0: all
  // The lines that a return address becomes. Not set: the file and the offset in it, and in the
  // process that the report is of the function as well, where the file exports it.
  std::function<std::vector<std::string>(uint64_t return_address)> name_frame;
  bool all_frames = false;  // also of allocators, libraries and Alkaid: backtrace_text.h
};

class ALKAID_EXPORT RetentionReport {
 public:
  // Of this process. kFailedPrecondition where views are not tracked, which the message says how to
  // ask for, or where tracking ended meanwhile.
  static Result<RetentionReport> Take();
  // Of a snapshot, which may come from a file (heap_file.h). kFailedPrecondition where views were
  // not tracked when it was taken.
  static Result<RetentionReport> Of(HeapSnapshot snapshot);

  const RetentionTotals& totals() const { return totals_; }
  // Most hidden bytes first; of as many, the lower address.
  const std::vector<RetainedRoot>& roots() const { return roots_; }
  // Names what `stack` of a holder leads through.
  const HeapSnapshot& snapshot() const { return snapshot_; }
  // Nanoseconds from then to the report.
  uint64_t AgeOf(uint64_t monotonic_ns) const {
    const uint64_t taken = snapshot_.contents().taken_ns;
    return taken > monotonic_ns ? taken - monotonic_ns : 0;
  }

  // For people: the totals, then the worst roots with who made their views.
  std::string ToString(const RetentionTextOptions& options = {}) const;

 private:
  RetentionReport(HeapSnapshot snapshot, std::vector<RetainedRoot> roots, RetentionTotals totals);

  HeapSnapshot snapshot_;
  std::vector<RetainedRoot> roots_;
  RetentionTotals totals_;
};

}  // namespace alkaid::heap
