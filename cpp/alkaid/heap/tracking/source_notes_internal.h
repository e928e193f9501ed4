// SourceNotes: where the bytes of live roots came from, as readers reported it
// (core/observers/source_note.h).
//
// Bytes lose their note when their root is released or their block is freed or reallocated. A new
// note replaces what is known of its bytes:
// - An older note that touches or overlaps it, with the same source and fitting offsets, is merged
//   with it.
// - An older note that overlaps it and says something else is forgotten as a whole: the release of
//   that note's root was not seen.
//
// Bounded: one note covers what was read from one source into one piece of memory without a gap. It
// takes about 100 bytes, and 24 for each of at most kMaxPieces times. When there are more times,
// neighbouring pieces are joined, up to about a thousandth of the note's bytes each.
//
// Ownership: one object, never destroyed; notes are copies. Threads: all functions, from any
// thread. Out of memory: the note is dropped.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/core/observers/source_note.h"
#include "alkaid/heap/tracking/table_mutex_internal.h"

namespace alkaid::heap {

class ALKAID_EXPORT SourceNotes {
 public:
  static constexpr size_t kMaxPieces = 4096;

  static SourceNotes& Get();

  void Add(const SourceNote& note) noexcept;
  // `size` bytes from `data` on are released, or may belong to another block from now on.
  void Release(const void* data, int64_t size) noexcept;
  void Clear() noexcept;
  bool empty() const { return count_.load(std::memory_order_relaxed) == 0; }

  // Around a fork.
  void Lock() { lock_.lock(); }
  void Unlock() { lock_.unlock(); }
  void RenewLock() { lock_.Renew(); }

  // The bytes from `address` to the next piece have times from `least_ns` to `greatest_ns`.
  struct Piece {
    uint64_t address;
    uint64_t least_ns;
    uint64_t greatest_ns;

    void Include(const Piece& other);
  };
  using Pieces = std::vector<Piece>;
  struct Note {
    int64_t size;
    int64_t offset;
    std::string name;
    uint64_t begun_ns;  // CLOCK_MONOTONIC
    Pieces pieces;
  };

  // Calls `visit(address, note)` for each note, by address, under the lock: `visit` must not call
  // this object. What it throws is passed on.
  template <typename Visit>
  void ForEach(Visit visit) {
    const std::lock_guard guard(lock_);
    for (const auto& [address, note] : notes_) visit(address, note);
  }

 private:
  using Notes = std::map<uint64_t, Note>;

  static uint64_t EndOf(const Notes::value_type& note) {
    return note.first + static_cast<uint64_t>(note.second.size);
  }
  static Pieces PiecesOf(const SourceNote& note);
  static Pieces From(const Pieces& pieces, uint64_t address);
  static void PutTogether(uint64_t end, Pieces* pieces);
  static bool IsOneWith(const Notes::value_type& note, uint64_t address, const Note& told);

  // Under the lock. Removed notes go to `old`, to be destroyed outside it.
  Notes::iterator FirstThatReaches(uint64_t address);
  void Put(uint64_t address, Note told, Notes* old);
  void Replace(uint64_t address, uint64_t last, Note told, Notes::value_type* whole);
  void Cut(uint64_t first, uint64_t last, Notes* old);
  void Count() { count_.store(notes_.size(), std::memory_order_relaxed); }

  std::atomic<size_t> count_{0};  // so that a release without notes takes no lock
  TableMutex lock_;
  Notes notes_;
};

}  // namespace alkaid::heap
