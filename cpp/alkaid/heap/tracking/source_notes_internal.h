// SourceNotes: where the bytes of live roots came from, as readers told
// (core/observers/source_note.h).
//
// A note is forgotten for the bytes whose root is released or whose block is freed or reallocated.
// A later note has the last word on its bytes. Where it goes on with a note in memory and in the
// source alike, the two become one; a note that says another thing of one of its bytes is forgotten
// as a whole: then that note's root went unseen.
//
// Bounded: a note, which is what is read of one source without a gap into one piece of memory,
// takes about 100 bytes and 24 for each of at most kMostPieces times. Where there are more,
// neighbours are put together, until pieces are about a thousandth of the bytes.
//
// Ownership: one object, never destroyed; notes are copies. Threads: all functions, from any
// thread.
// Out of memory: a note that could not be kept is none.
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
  static constexpr size_t kMostPieces = 4096;

  static SourceNotes& Get();

  void Add(const SourceNote& note) noexcept;
  // `size` bytes from `data` on are released, or may be another's from now on.
  void Release(const void* data, int64_t size) noexcept;
  void Clear() noexcept;
  bool empty() const { return count_.load(std::memory_order_relaxed) == 0; }

  // Around a fork.
  void Lock() { lock_.lock(); }
  void Unlock() { lock_.unlock(); }
  void RenewLock() { lock_.Renew(); }

  // From `address` on, until the next piece, bytes are of times from least to greatest.
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

  // Calls `visit(address, note)` for each, by address, under the lock: it must not come back here.
  // What it throws is passed on.
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

  // Under the lock. What is taken out goes to `old`, to be destroyed outside.
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
