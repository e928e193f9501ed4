// SourceTimes: the times in a batch, of at most a few thousand pieces of it.
//
// Where a batch has more datagrams than that, neighbours are put together, evenly over the batch.
// Of datagrams that were put together the least and the greatest time are known.
//
// Ownership: its own. Threads: one. Out of memory: throws std::bad_alloc, and holds what it held.
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
  static constexpr size_t kMostPieces = 4096;

  // The datagram that begins `offset` bytes behind the first, in order.
  void Add(int64_t offset, Timestamp timestamp) {
    const uint64_t time = timestamp.total_nanoseconds();
    if (seen_ % stride_ != 0) {
      ++seen_;
      pieces_.back().Include(time, time);
      return;
    }
    if (pieces_.size() == kMostPieces) PutTogether();
    pieces_.push_back({offset, time, time});
    ++seen_;
  }
  // As a SourceNote has them.
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

  // In pairs. Then `seen_` is still at the beginning of a piece, since kMostPieces is even.
  void PutTogether() {
    for (size_t i = 0; i < kMostPieces / 2; ++i) {
      pieces_[i] = pieces_[2 * i];
      pieces_[i].Include(pieces_[2 * i + 1].least_ns, pieces_[2 * i + 1].greatest_ns);
    }
    pieces_.resize(kMostPieces / 2);
    stride_ *= 2;
  }

  std::vector<Piece> pieces_;
  int64_t seen_ = 0;
  int64_t stride_ = 1;  // datagrams of a piece
};

}  // namespace alkaid::dgram::internal
