#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include "alkaid/heap/tracking/clock_internal.h"
#include "alkaid/heap/tracking/source_notes_internal.h"

namespace alkaid::heap {

SourceNotes& SourceNotes::Get() {
  static auto* const notes = new SourceNotes;  // never destroyed: static buffers may be used later
  return *notes;
}

// See first_made.h.
[[gnu::constructor]] static void MakeAtLoad() { SourceNotes::Get(); }

void SourceNotes::Piece::Include(const Piece& other) {
  least_ns = std::min(least_ns, other.least_ns);
  greatest_ns = std::max(greatest_ns, other.greatest_ns);
}

SourceNotes::Pieces SourceNotes::PiecesOf(const SourceNote& note) {
  const auto address = reinterpret_cast<uint64_t>(note.data);
  Pieces pieces;
  pieces.reserve(note.times.size());
  for (const SourceTime& time : note.times) {
    const Piece piece = {address + static_cast<uint64_t>(time.offset), time.time_ns, time.time_ns};
    if (!pieces.empty() && pieces.back().address == piece.address) {
      pieces.back().Include(piece);
    } else {
      pieces.push_back(piece);
    }
  }
  return pieces;
}

// The pieces for the bytes from `address` on.
SourceNotes::Pieces SourceNotes::From(const Pieces& pieces, uint64_t address) {
  auto at =
      std::upper_bound(pieces.begin(), pieces.end(), address,
                       [](uint64_t wanted, const Piece& piece) { return wanted < piece.address; });
  if (at != pieces.begin()) --at;
  Pieces from(at, pieces.end());
  if (!from.empty()) from.front().address = std::max(from.front().address, address);
  return from;
}

// Joins neighbours into pieces of at most `step` bytes, so that the first pieces do not become
// coarser than the last. Any two neighbours that are left have more than `step` bytes together, so
// at most about half of kMaxPieces are left.
void SourceNotes::PutTogether(uint64_t end, Pieces* pieces) {
  const uint64_t step = (end - pieces->front().address) / (kMaxPieces / 4);
  size_t kept = 0;
  for (size_t i = 1; i < pieces->size(); ++i) {
    const uint64_t after = i + 1 < pieces->size() ? (*pieces)[i + 1].address : end;
    if (after - (*pieces)[kept].address <= step) {
      (*pieces)[kept].Include((*pieces)[i]);
    } else {
      (*pieces)[++kept] = (*pieces)[i];
    }
  }
  pieces->resize(kept + 1);
}

// Whether both notes name the same source and give a byte the same offset in it.
bool SourceNotes::IsOneWith(const Notes::value_type& note, uint64_t address, const Note& told) {
  return note.second.offset >= 0 && told.offset >= 0 && note.second.name == told.name &&
         static_cast<uint64_t>(note.second.offset) - note.first ==
             static_cast<uint64_t>(told.offset) - address;
}

SourceNotes::Notes::iterator SourceNotes::FirstThatReaches(uint64_t address) {
  const auto at = notes_.lower_bound(address);
  if (at == notes_.begin()) return at;
  const auto before = std::prev(at);
  return EndOf(*before) >= address ? before : at;
}

void SourceNotes::Put(uint64_t address, Note told, Notes* old) {
  const uint64_t last = address + static_cast<uint64_t>(told.size);
  Notes::value_type* whole = nullptr;  // that this is a part of
  for (auto at = FirstThatReaches(address); at != notes_.end() && at->first <= last;) {
    if (!IsOneWith(*at, address, told)) {
      const bool overlaps = at->first < last && EndOf(*at) > address;
      const auto next = std::next(at);
      if (overlaps) old->insert(notes_.extract(at));
      at = next;
    } else if (at->first <= address) {
      whole = &*at++;
    } else {
      if (EndOf(*at) > last) {
        const Pieces after = From(at->second.pieces, last);
        told.pieces.insert(told.pieces.end(), after.begin(), after.end());
        told.size = static_cast<int64_t>(EndOf(*at) - address);
      }
      told.begun_ns = std::min(told.begun_ns, at->second.begun_ns);
      old->insert(notes_.extract(at++));
    }
  }
  if (whole == nullptr) {
    const uint64_t end = address + static_cast<uint64_t>(told.size);
    if (told.pieces.size() > kMaxPieces) PutTogether(end, &told.pieces);
    notes_.emplace(address, std::move(told));
    return;
  }
  Replace(address, last, std::move(told), whole);
}

// Makes `told` a part of `*whole`: it covers the bytes from `address` to `last`, and more if it was
// merged with a note that follows.
void SourceNotes::Replace(uint64_t address, uint64_t last, Note told, Notes::value_type* whole) {
  Pieces& pieces = whole->second.pieces;
  if (EndOf(*whole) > last) {
    const Pieces after = From(pieces, last);
    told.pieces.insert(told.pieces.end(), after.begin(), after.end());
  }
  const auto at =
      std::lower_bound(pieces.begin(), pieces.end(), address,
                       [](const Piece& piece, uint64_t wanted) { return piece.address < wanted; });
  const size_t needed = static_cast<size_t>(at - pieces.begin()) + told.pieces.size();
  if (needed > pieces.capacity()) {  // all or nothing
    Pieces grown;
    grown.reserve(std::max(needed, 2 * pieces.size()));
    grown.assign(pieces.begin(), at);
    pieces.swap(grown);
  } else {
    pieces.erase(at, pieces.end());
  }
  pieces.insert(pieces.end(), told.pieces.begin(), told.pieces.end());
  const uint64_t end = std::max(EndOf(*whole), address + static_cast<uint64_t>(told.size));
  whole->second.size = static_cast<int64_t>(end - whole->first);
  if (pieces.size() > kMaxPieces) PutTogether(end, &pieces);
}

void SourceNotes::Cut(uint64_t first, uint64_t last, Notes* old) {
  for (auto at = FirstThatReaches(first); at != notes_.end() && at->first < last;) {
    const auto next = std::next(at);
    const uint64_t begin = at->first;
    const uint64_t end = EndOf(*at);
    if (end > first) {
      Notes::node_type node = notes_.extract(at);
      const Note& whole = node.mapped();
      try {
        if (end > last) {
          const auto gone = static_cast<int64_t>(last - begin);
          notes_.emplace(last, Note{whole.size - gone, whole.offset < 0 ? -1 : whole.offset + gone,
                                    whole.name, whole.begun_ns, From(whole.pieces, last)});
        }
        if (begin < first) {
          Note before = whole;
          before.size = static_cast<int64_t>(first - begin);
          while (!before.pieces.empty() && before.pieces.back().address >= first) {
            before.pieces.pop_back();
          }
          notes_.emplace(begin, std::move(before));
        }
      } catch (const std::bad_alloc&) {
        // The bytes that are left then have no source.
      }
      old->insert(std::move(node));
    }
    at = next;
  }
}

void SourceNotes::Add(const SourceNote& note) noexcept {
  if (note.size <= 0) return;
  try {
    Note told = {note.size, note.offset, std::string(note.source), MonotonicNanoseconds(),
                 PiecesOf(note)};
    Notes old;
    const std::lock_guard guard(lock_);
    Put(reinterpret_cast<uint64_t>(note.data), std::move(told), &old);
    Count();
  } catch (const std::bad_alloc&) {
    // The root then has no source.
  }
}

void SourceNotes::Release(const void* data, int64_t size) noexcept {
  if (size <= 0 || empty()) return;
  const auto address = reinterpret_cast<uint64_t>(data);
  Notes old;
  const std::lock_guard guard(lock_);
  Cut(address, address + static_cast<uint64_t>(size), &old);
  Count();
}

void SourceNotes::Clear() noexcept {
  Notes old;
  const std::lock_guard guard(lock_);
  old.swap(notes_);
  Count();
}

}  // namespace alkaid::heap
