#include <algorithm>
#include <bit>

#include "alkaid/heap/reports/root_groups_internal.h"

namespace alkaid::heap {
namespace {

// Numbers roots in the order of their first lookup. A hash table with open addressing, at most half
// full. A report makes one lookup for each view, so this is most of its cost.
class RootNumbers {
 public:
  uint32_t Of(const HeapView& view) {
    if (2 * (roots_.size() + 1) > slots_.size()) Grow();
    uint32_t& slot = SlotOf(view);
    if (slot == 0) {
      roots_.push_back(&view);
      slot = static_cast<uint32_t>(roots_.size());
    }
    return slot - 1;
  }
  size_t size() const { return roots_.size(); }

 private:
  static bool Same(const HeapView& a, const HeapView& b) {
    return a.root == b.root && a.root_data == b.root_data;
  }
  uint32_t& SlotOf(const HeapView& view) {
    const uint64_t mask = slots_.size() - 1;
    const uint64_t mixed = (view.root ^ std::rotl(view.root_data, 32)) * 0x9e3779b97f4a7c15;
    uint64_t at = (mixed >> 32) & mask;
    while (slots_[at] != 0 && !Same(*roots_[slots_[at] - 1], view)) at = (at + 1) & mask;
    return slots_[at];
  }
  void Grow() {
    slots_.assign(std::max<size_t>(64, 2 * slots_.size()), 0);
    for (uint32_t i = 0; i < roots_.size(); ++i) SlotOf(*roots_[i]) = i + 1;
  }

  std::vector<uint32_t> slots_;  // 0, or 1 + the number of a root
  std::vector<const HeapView*> roots_;
};

}  // namespace

int64_t Merge(std::vector<AddressRange>* ranges) {
  std::sort(ranges->begin(), ranges->end());
  size_t kept = 0;
  uint64_t bytes = 0;
  for (const auto& [first, last] : *ranges) {
    if (last == first) continue;
    if (kept > 0 && first <= (*ranges)[kept - 1].second) {
      uint64_t& end = (*ranges)[kept - 1].second;
      if (last > end) {
        bytes += last - end;
        end = last;
      }
      continue;
    }
    bytes += last - first;
    (*ranges)[kept++] = {first, last};
  }
  ranges->resize(kept);
  return static_cast<int64_t>(bytes);
}

int64_t RootBytes(const std::vector<HeapView>& views, std::span<const uint32_t> of_root) {
  const auto latest = std::max_element(of_root.begin(), of_root.end(), [&](uint32_t a, uint32_t b) {
    return views[a].birth_ns < views[b].birth_ns;
  });
  return views[*latest].root_size;
}

RootGroups::RootGroups(const std::vector<HeapView>& views) {
  RootNumbers numbers;
  std::vector<uint32_t> of_view;
  of_view.reserve(views.size());
  for (const HeapView& view : views) of_view.push_back(numbers.Of(view));
  starts_.assign(numbers.size() + 1, 0);
  for (const uint32_t root : of_view) ++starts_[root + 1];
  for (size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
  order_.resize(views.size());
  std::vector<uint32_t> next(starts_.begin(), starts_.end() - 1);
  for (uint32_t i = 0; i < of_view.size(); ++i) order_[next[of_view[i]]++] = i;
}

}  // namespace alkaid::heap
