#include "tools/heap/block_categories.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace alkaid::tools {
namespace {

using heap::HeapBlock;
using heap::HeapNameChange;
using heap::HeapRecognized;
using heap::HeapSnapshot;

const std::string& Uncategorized() {
  static const std::string kName = "uncategorized";
  return kName;
}

int64_t Sum(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

// Blocks are fractions until all are counted, as each sample stands for some.
struct Counts {
  double freed = 0;
  double added = 0;
};

// Whether an allocator may have rounded `bytes` up to `block`.
bool IsRoundedUp(uint64_t block, uint64_t bytes) {
  constexpr uint64_t kRound = 16;
  return block == (bytes + kRound - 1) / kRound * kRound;
}

// Whether a block of that size can be an object of a class of that size, or an array of them.
bool IsSizeOfObjects(uint64_t block, uint64_t object) {
  if (object == 0 || object > block) return false;
  return block % object == 0 || IsRoundedUp(block, object);
}

// The same for an array of `count` that is preceded by its count.
bool IsSizeOfCountedObjects(uint64_t block, uint64_t count, uint64_t object) {
  if (object == 0 || count > block / object) return false;
  const uint64_t bytes = sizeof(count) + count * object;
  return block == bytes || IsRoundedUp(block, bytes);
}

int64_t Whole(double blocks) { return static_cast<int64_t>(std::min(std::round(blocks), 1e18)); }

}  // namespace

BlockCategories::BlockCategories(const HeapSnapshot& snapshot, HeapSymbols* symbols)
    : snapshot_(snapshot), symbols_(*symbols) {}

const std::string& BlockCategories::Of(uint32_t block) {
  const heap::HeapContents& contents = snapshot_.contents();
  const HeapBlock& of = contents.blocks[block];
  if (of.pool != 0 && !contents.labels[of.label].empty()) return contents.labels[of.label];
  const auto place = std::lower_bound(
      contents.recognized.begin(), contents.recognized.end(), block,
      [](const HeapRecognized& each, uint32_t wanted) { return each.block < wanted; });
  if (place != contents.recognized.end() && place->block == block) {
    return contents.categories[place->category];
  }
  return ClassOf(of);
}

const std::string& BlockCategories::ClassOf(const HeapBlock& block) {
  std::array<uint64_t, 2> words = {};
  const auto known = static_cast<size_t>(block.first_count());
  std::memcpy(words.data(), block.first.data(), std::min(known, sizeof(words)));
  const auto size = static_cast<uint64_t>(block.size);
  if (known >= sizeof(uint64_t)) {
    const VtableClass* const found = ClassAt(words[0]);
    if (found != nullptr &&
        (found->sizes.empty() || std::ranges::any_of(found->sizes, [&](uint64_t object) {
           return IsSizeOfObjects(size, object);
         }))) {
      return found->name;
    }
  }
  // `new Shape[10]` puts the count first if the class has a destructor. A count of 1 would often be
  // some member.
  if (known >= sizeof(words) && words[0] >= 2) {
    const VtableClass* const found = ClassAt(words[1]);
    if (found != nullptr && std::ranges::any_of(found->sizes, [&](uint64_t object) {
          return IsSizeOfCountedObjects(size, words[0], object);
        })) {
      return found->name;
    }
  }
  return Uncategorized();
}

const VtableClass* BlockCategories::ClassAt(uint64_t word) {
  if (word % sizeof(word) != 0 || snapshot_.ModuleOf(word) == nullptr) return nullptr;
  const auto [place, fresh] = classes_.try_emplace(word);
  if (fresh) place->second = symbols_.ClassOfVtable(word);
  return place->second.name.empty() ? nullptr : &place->second;
}

std::vector<HeapNameChange> ChangesByCategory(const HeapSnapshot& before,
                                              BlockCategories* before_categories,
                                              const HeapSnapshot& after,
                                              BlockCategories* after_categories,
                                              const heap::HeapDiff& changes) {
  std::unordered_map<std::string, size_t> places;
  std::vector<HeapNameChange> by_category;
  std::vector<Counts> counts;
  const auto place_of = [&](const std::string& name) {
    const auto [place, fresh] = places.try_emplace(name, by_category.size());
    if (fresh) {
      by_category.emplace_back().name = name;
      counts.emplace_back();
    }
    return place->second;
  };
  for (const uint32_t i : changes.freed_blocks) {
    const HeapBlock& block = before.blocks()[i];
    const size_t place = place_of(before_categories->Of(i));
    by_category[place].freed_bytes = Sum(by_category[place].freed_bytes, block.weight);
    counts[place].freed += block.count();
  }
  for (const uint32_t i : changes.new_blocks) {
    const HeapBlock& block = after.blocks()[i];
    const size_t place = place_of(after_categories->Of(i));
    HeapNameChange& change = by_category[place];
    change.new_bytes = Sum(change.new_bytes, block.weight);
    change.oldest_ns = std::max(change.oldest_ns, after.AgeOf(block));
    counts[place].added += block.count();
  }
  for (size_t i = 0; i < by_category.size(); ++i) {
    by_category[i].freed_blocks = Whole(counts[i].freed);
    by_category[i].new_blocks = Whole(counts[i].added);
  }
  std::stable_sort(by_category.begin(), by_category.end(),
                   [](const HeapNameChange& a, const HeapNameChange& b) {
                     const int64_t change_a = std::abs(a.bytes());
                     const int64_t change_b = std::abs(b.bytes());
                     if (change_a != change_b) return change_a > change_b;
                     return Sum(a.new_bytes, a.freed_bytes) > Sum(b.new_bytes, b.freed_bytes);
                   });
  return by_category;
}

}  // namespace alkaid::tools
