// SourceTimes: the times in a batch, for at most a few thousand pieces of it.
//
// Where a batch has more datagrams than that, neighbours are merged into pieces, evenly over the
// batch. Of each piece the least and the greatest time are known.
//
// Ownership: its own. Threads: one. Out of memory: throws std::bad_alloc, and stays as it was.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "alkaid/core/observers/source_note.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram::internal {

class SourceTimes {
 public:
  static constexpr size_t kMaxPieces = 4096;

  // Adds the datagram that begins `offset` bytes after the first one; in order.
  void Add(int64_t offset, Timestamp timestamp) {
    const uint64_t time = timestamp.total_nanoseconds();
    if (seen_ % stride_ != 0) {
      ++seen_;
      pieces_.back().Include(time, time);
      return;
    }
    if (pieces_.size() == kMaxPieces) PutTogether();
    pieces_.push_back({offset, time, time});
    ++seen_;
  }
  // In the form of a SourceNote.
  std::vector<SourceTime> marks() const {
    std::vector<SourceTime> marks;
    marks.reserve(stride_ == 1 ? pieces_.size() : 2 * pieces_.size());
    for (const Piece& piece : pieces_) {
      marks.push_back({piece.offset, piece.least_ns});
      if (piece.greatest_ns != piece.least_ns) marks.push_back({piece.offset, piece.greatest_ns});
    }
    return marks;
  }

 private:
  struct Piece {
    int64_t offset;
    uint64_t least_ns;
    uint64_t greatest_ns;

    void Include(uint64_t least, uint64_t greatest) {
      least_ns = std::min(least_ns, least);
      greatest_ns = std::max(greatest_ns, greatest);
    }
  };

  // Merges pieces in pairs. kMaxPieces is even, so `seen_` is then still at the beginning of a
  // piece.
  void PutTogether() {
    for (size_t i = 0; i < kMaxPieces / 2; ++i) {
      pieces_[i] = pieces_[2 * i];
      pieces_[i].Include(pieces_[2 * i + 1].least_ns, pieces_[2 * i + 1].greatest_ns);
    }
    pieces_.resize(kMaxPieces / 2);
    stride_ *= 2;
  }

  std::vector<Piece> pieces_;
  int64_t seen_ = 0;
  int64_t stride_ = 1;  // datagrams in a piece
};

}  // namespace alkaid::dgram::internal
