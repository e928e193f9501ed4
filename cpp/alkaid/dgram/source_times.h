// SourceTimes: at most a few thousand of the times in a batch, evenly over it.
//
// Where a batch has more datagrams than are kept, every second is forgotten, as often as it takes,
// so the time of a byte is known to lie between that of the mark before it and that of the next.
//
// Ownership: its own. Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "alkaid/core/source_note.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram::internal {

class SourceTimes {
 public:
  static constexpr size_t kMostMarks = 4096;

  // The datagram that begins `offset` bytes behind the first, in order.
  void Add(int64_t offset, Timestamp timestamp) {
    last_ = {offset, timestamp.total_nanoseconds()};
    if (seen_++ % stride_ != 0) return;
    if (marks_.size() == kMostMarks) Thin();
    if ((seen_ - 1) % stride_ == 0) marks_.push_back(last_);
  }
  // With the last datagram, whose time no mark behind it tells.
  std::span<const SourceTime> marks() {
    if (seen_ > 0 && marks_.back().offset != last_.offset) marks_.push_back(last_);
    return marks_;
  }

 private:
  void Thin() {
    for (size_t i = 0; 2 * i < marks_.size(); ++i) marks_[i] = marks_[2 * i];
    marks_.resize((marks_.size() + 1) / 2);
    stride_ *= 2;
  }

  std::vector<SourceTime> marks_;
  SourceTime last_;
  int64_t seen_ = 0;
  int64_t stride_ = 1;
};

}  // namespace alkaid::dgram::internal
