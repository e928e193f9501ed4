#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include "alkaid/profile/source_notes_internal.h"

namespace alkaid::profile {

SourceNotes& SourceNotes::Get() {
  static auto* const notes = new SourceNotes;  // never destroyed: static buffers come and go
  return *notes;
}

SourceNotes::Notes SourceNotes::TakeOut(uint64_t first, uint64_t last) {
  Notes taken;
  auto at = notes_.lower_bound(first);
  if (at != notes_.begin()) {
    const auto before = std::prev(at);
    if (first - before->first < static_cast<uint64_t>(before->second.size)) at = before;
  }
  while (at != notes_.end() && at->first < last) {
    taken.insert(notes_.extract(at++));
  }
  count_.store(notes_.size(), std::memory_order_relaxed);
  return taken;
}

void SourceNotes::Add(const SourceNote& note) noexcept {
  if (note.size <= 0) return;
  const auto address = reinterpret_cast<uint64_t>(note.data);
  try {
    Note kept = {note.size, note.offset, std::string(note.source), {}};
    kept.times.reserve(note.times.size());
    for (const SourceTime& time : note.times) {
      kept.times.push_back({address + static_cast<uint64_t>(time.offset), time.time_ns});
    }
    Notes old;
    const std::lock_guard guard(lock_);
    old = TakeOut(address, address + static_cast<uint64_t>(note.size));
    notes_.emplace(address, std::move(kept));
    count_.store(notes_.size(), std::memory_order_relaxed);
  } catch (const std::bad_alloc&) {
    // The root then has no source.
  }
}

void SourceNotes::Release(const void* data, int64_t size) noexcept {
  if (size <= 0 || count_.load(std::memory_order_relaxed) == 0) return;
  const auto address = reinterpret_cast<uint64_t>(data);
  Notes old;
  const std::lock_guard guard(lock_);
  old = TakeOut(address, address + static_cast<uint64_t>(size));
}

void SourceNotes::Clear() noexcept {
  Notes old;
  const std::lock_guard guard(lock_);
  old.swap(notes_);
  count_.store(0, std::memory_order_relaxed);
}

void SourceNotes::CopyTo(HeapContents* contents) {
  const std::lock_guard guard(lock_);
  for (const auto& [address, note] : notes_) {
    contents->sources.push_back(
        {address, note.size, note.offset, note.name, contents->times.size(), note.times.size()});
    contents->times.insert(contents->times.end(), note.times.begin(), note.times.end());
  }
}

}  // namespace alkaid::profile
