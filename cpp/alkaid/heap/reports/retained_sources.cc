#include <algorithm>
#include <iterator>
#include <tuple>

#include "alkaid/heap/reports/retained_sources_internal.h"
#include "alkaid/heap/tracking/source_notes_internal.h"

namespace alkaid::heap {
namespace {

// Times per leaf of the tree, which are scanned one by one. So the tree takes a thirtieth of the
// memory of the times.
constexpr size_t kBlock = 64;

uint64_t EndOf(const HeapSource& source) {
  return source.address + static_cast<uint64_t>(source.size);
}

}  // namespace

void CopySourceNotes(uint64_t begun_by_ns, HeapContents* contents) {
  SourceNotes::Get().ForEach([&](uint64_t address, const SourceNotes::Note& note) {
    if (note.begun_ns > begun_by_ns) return;
    const size_t first_time = contents->times.size();
    for (const SourceNotes::Piece& piece : note.pieces) {
      contents->times.push_back({piece.address, piece.least_ns});
      if (piece.greatest_ns == piece.least_ns) continue;
      contents->times.push_back({piece.address, piece.greatest_ns});
    }
    contents->sources.push_back({address, note.size, note.offset, note.name, first_time,
                                 contents->times.size() - first_time});
  });
}

void RetainedSources::Bounds::Include(uint64_t time) {
  if (time == kNoTime) return;
  least = std::min(least, time);
  greatest = std::max(greatest, time);
}

void RetainedSources::Bounds::Include(const Bounds& other) {
  least = std::min(least, other.least);
  greatest = std::max(greatest, other.greatest);
}

std::pair<uint64_t, uint64_t> RetainedSources::Bounds::ToTimes() const {
  return {least, least == kNoTime ? kNoTime : greatest};
}

RetainedSources::RetainedSources(const HeapContents& contents) : contents_(contents) {
  const std::vector<HeapTime>& times = contents.times;
  const size_t blocks = (times.size() + kBlock - 1) / kBlock;
  tree_.resize(2 * blocks);
  for (size_t i = 0; i < times.size(); ++i) tree_[blocks + i / kBlock].Include(times[i].time_ns);
  for (size_t i = blocks; i-- > 1;) {
    tree_[i] = tree_[2 * i];
    tree_[i].Include(tree_[2 * i + 1]);
  }
}

RetainedSources::Bounds RetainedSources::BoundsOf(size_t first, size_t last) const {
  Bounds bounds;
  const auto one_by_one = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) bounds.Include(contents_.times[i].time_ns);
  };
  const size_t first_block = (first + kBlock - 1) / kBlock;
  const size_t last_block = last / kBlock;
  if (first_block >= last_block) {
    one_by_one(first, last);
    return bounds;
  }
  one_by_one(first, first_block * kBlock);
  one_by_one(last_block * kBlock, last);
  const size_t blocks = tree_.size() / 2;
  size_t left = first_block + blocks;
  size_t right = last_block + blocks;
  for (; left < right; left /= 2, right /= 2) {
    if (left % 2 == 1) bounds.Include(tree_[left++]);
    if (right % 2 == 1) bounds.Include(tree_[--right]);
  }
  return bounds;
}

std::pair<RetainedSources::Sources, RetainedSources::Sources> RetainedSources::SourcesOf(
    AddressRange range) const {
  const auto& sources = contents_.sources;
  const auto first = std::partition_point(
      sources.begin(), sources.end(), [&](const HeapSource& s) { return EndOf(s) <= range.first; });
  const auto last = std::partition_point(
      first, sources.end(), [&](const HeapSource& s) { return s.address < range.second; });
  return {first, last};
}

std::pair<size_t, size_t> RetainedSources::TimesAt(const HeapSource& source,
                                                   uint64_t address) const {
  const auto begin = contents_.times.begin() + static_cast<std::ptrdiff_t>(source.first_time);
  const auto end = begin + static_cast<std::ptrdiff_t>(source.time_count);
  auto after = std::upper_bound(begin, end, address, [](uint64_t wanted, const HeapTime& time) {
    return wanted < time.address;
  });
  // Bytes before the first time of a source have that time.
  if (after == begin && begin != end) {
    after = std::find_if(begin, end,
                         [&](const HeapTime& time) { return time.address != begin->address; });
  }
  auto first = after;
  while (first != begin && std::prev(first)->address == std::prev(after)->address) --first;
  return {first - contents_.times.begin(), after - contents_.times.begin()};
}

RetainedSources::Bounds RetainedSources::TimesOf(AddressRange range) const {
  const auto [first, last] = SourcesOf(range);
  if (first == last) return {};
  const HeapSource& back = *std::prev(last);
  const uint64_t last_byte = std::min(range.second, EndOf(back)) - 1;
  return BoundsOf(TimesAt(*first, range.first).first, TimesAt(back, last_byte).second);
}

void RetainedSources::Name(const std::vector<AddressRange>& visible, RetainedRoot* root) const {
  const AddressRange all = {root->address, root->address + static_cast<uint64_t>(root->held_bytes)};
  const auto [first, last] = SourcesOf(all);
  if (first == last) return;
  root->source = first->name;
  const uint64_t skipped = all.first > first->address ? all.first - first->address : 0;
  if (first->offset >= 0 && skipped <= static_cast<uint64_t>(INT64_MAX - first->offset)) {
    root->source_offset = first->offset + static_cast<int64_t>(skipped);
  }
  std::tie(root->first_time_ns, root->last_time_ns) = TimesOf(all).ToTimes();
  Bounds shown;
  for (const AddressRange& range : visible) shown.Include(TimesOf(range));
  std::tie(root->first_visible_time_ns, root->last_visible_time_ns) = shown.ToTimes();
}

}  // namespace alkaid::heap
