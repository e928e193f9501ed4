// SourceCensus: which source the bytes of a root are of, and which times are recorded in them.
//
// Many roots may lie over the same sources, and a source may have many times, so both are looked
// up: what one range of bytes costs grows with the logarithm of their numbers.
//
// Ownership: borrows the contents. Threads: once made, any. Out of memory: making one throws
// std::bad_alloc; naming takes the memory of the name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/reports/retention_census_internal.h"
#include "alkaid/heap/reports/retention_report.h"

namespace alkaid::heap {

// Adds the notes of sources (heap/tracking/source_notes_internal.h) that were begun until then,
// CLOCK_MONOTONIC, to the contents' sources, by address, and to their times.
ALKAID_EXPORT void CopySourceNotes(uint64_t begun_by_ns, HeapContents* contents);

class ALKAID_EXPORT SourceCensus {
 public:
  // `contents` are as HeapSnapshot::Make wants them.
  explicit SourceCensus(const HeapContents& contents);

  // Fills in source, offset and times of a root whose address and held_bytes are known. `visible`
  // is merged, and lies inside it.
  void Name(const std::vector<AddressRange>& visible, RetainedRoot* root) const;

 private:
  // None where the least is kNoTime.
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
  // The first of the times that the byte is of, and what is behind the last.
  std::pair<size_t, size_t> TimesAt(const HeapSource& source, uint64_t address) const;
  Bounds TimesOf(AddressRange range) const;
  Bounds BoundsOf(size_t first, size_t last) const;

  const HeapContents& contents_;
  // Over blocks of times: those of the blocks are the second half, and the element i of the first
  // is of what 2 i and 2 i + 1 are of.
  std::vector<Bounds> tree_;
};

}  // namespace alkaid::heap
