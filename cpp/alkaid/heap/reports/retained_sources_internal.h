// RetainedSources: the source of a root's bytes, and the times that are recorded in them.
//
// Many roots may have bytes of the same source, and a source may have many times. So the cost of a
// range of bytes grows only with the logarithm of both numbers.
//
// Ownership: borrows the contents. Threads: once made, any. Out of memory: the constructor and Name
// throw std::bad_alloc; Name allocates only the name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/reports/retention_report.h"
#include "alkaid/heap/reports/root_groups_internal.h"

namespace alkaid::heap {

// Adds the source notes (heap/tracking/source_notes_internal.h) that were begun no later than
// `begun_by_ns` (CLOCK_MONOTONIC) to the contents' sources, by address, and to their times.
ALKAID_EXPORT void CopySourceNotes(uint64_t begun_by_ns, HeapContents* contents);

class ALKAID_EXPORT RetainedSources {
 public:
  // `contents` must satisfy HeapSnapshot::Make.
  explicit RetainedSources(const HeapContents& contents);

  // Fills in source, offset and times of a root whose address and held_bytes are set. `visible`
  // must be merged, and lie inside the root.
  void Name(const std::vector<AddressRange>& visible, RetainedRoot* root) const;

 private:
  // No times if `least` is kNoTime.
  struct Bounds {
    uint64_t least = kNoTime;
    uint64_t greatest = 0;

    void Include(uint64_t time);
    void Include(const Bounds& other);
    std::pair<uint64_t, uint64_t> ToTimes() const;
  };
  using Sources = std::vector<HeapSource>::const_iterator;

  // The sources that have bytes of the range.
  std::pair<Sources, Sources> SourcesOf(AddressRange range) const;
  // The range of the byte's times: the index of the first, and one past the last.
  std::pair<size_t, size_t> TimesAt(const HeapSource& source, uint64_t address) const;
  Bounds TimesOf(AddressRange range) const;
  Bounds BoundsOf(size_t first, size_t last) const;

  const HeapContents& contents_;
  // A segment tree over blocks of times. The second half has the bounds of the blocks; element i of
  // the first half covers elements 2 i and 2 i + 1.
  std::vector<Bounds> tree_;
};

}  // namespace alkaid::heap
