// RootGroups: views grouped by the root that they keep, and the bytes that several views show.
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

// The part of a view that lies inside its root, which holds `root_bytes`.
inline AddressRange VisibleRange(const HeapView& view, int64_t root_bytes) {
  const uint64_t root_end = view.root_data + static_cast<uint64_t>(root_bytes);
  const uint64_t end = view.data + static_cast<uint64_t>(view.size);
  const uint64_t first = view.data > view.root_data ? view.data : view.root_data;
  const uint64_t last = end < root_end ? end : root_end;
  return {first, last > first ? last : first};
}

// Sorts the ranges and joins those that overlap or touch. Returns the sum of their bytes.
ALKAID_EXPORT int64_t Merge(std::vector<AddressRange>* ranges);

// The bytes that the root of these views holds, as recorded by the latest view: the root may have
// been resized in place after the others were made.
ALKAID_EXPORT int64_t RootBytes(const std::vector<HeapView>& views,
                                std::span<const uint32_t> of_root);

// The indices of the views of each root. A root is identified by its Buffer and the address of its
// bytes: views of two roots that were at one place at different times may have been read.
//
//     order_:   | views of root 0 | views of root 1 | ... |
//     starts_:  ^ starts_[0]      ^ starts_[1]            ^ starts_[size()]
class ALKAID_EXPORT RootGroups {
 public:
  explicit RootGroups(const std::vector<HeapView>& views);

  size_t size() const { return starts_.size() - 1; }
  std::span<uint32_t> operator[](size_t root) {
    return std::span(order_).subspan(starts_[root], starts_[root + 1] - starts_[root]);
  }

 private:
  std::vector<uint32_t> order_;
  std::vector<uint32_t> starts_;
};

}  // namespace alkaid::heap
