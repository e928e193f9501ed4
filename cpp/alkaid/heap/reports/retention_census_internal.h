// Views by the root that they keep, and how many bytes several of them show together.
//
// Ownership: RootGroups borrows nothing. Threads: plain values. Out of memory: throws
// std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/heap/reports/heap_snapshot.h"

namespace alkaid::heap {

// A half-open range of addresses.
using AddressRange = std::pair<uint64_t, uint64_t>;

// What of a view lies inside its root, which holds `root_bytes`.
inline AddressRange VisibleRange(const HeapView& view, int64_t root_bytes) {
  const uint64_t root_end = view.root_data + static_cast<uint64_t>(root_bytes);
  const uint64_t end = view.data + static_cast<uint64_t>(view.size);
  const uint64_t first = view.data > view.root_data ? view.data : view.root_data;
  const uint64_t last = end < root_end ? end : root_end;
  return {first, last > first ? last : first};
}

// Sorts the ranges, and makes of those that overlap or touch one. Returns the bytes of them all.
ALKAID_EXPORT int64_t Merge(std::vector<AddressRange>* ranges);

// The bytes that the root of these views holds, as the latest of them saw it: it may have been
// resized in its place since the others were made.
ALKAID_EXPORT int64_t RootBytes(const std::vector<HeapView>& views,
                                std::span<const uint32_t> of_root);

// The numbers of the views of each root. A root is known by its Buffer and its bytes: of two that
// were at one place one after the other, views may have been read of both.
class ALKAID_EXPORT RootGroups {
 public:
  explicit RootGroups(const std::vector<HeapView>& views);

  size_t size() const { return starts_.size() - 1; }
  std::span<uint32_t> operator[](size_t root) {
    return std::span(order_).subspan(starts_[root], starts_[root + 1] - starts_[root]);
  }

 private:
  std::vector<uint32_t> order_;
  std::vector<uint32_t> starts_;  // of each root in `order_`, and the end
};

}  // namespace alkaid::heap
