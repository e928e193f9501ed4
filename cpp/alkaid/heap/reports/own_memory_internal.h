// OwnMemory: reads memory of this process that another thread may unmap meanwhile.
//
// Through the kernel, which answers for a page that is gone as for any other. Counts what it was
// asked for, and ends at a limit.
//
// Ownership: copies. Threads: one. Allocates nothing.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::heap {

class ALKAID_EXPORT OwnMemory {
 public:
  static constexpr uint64_t kWord = sizeof(uint64_t);
  // Of a long range, where pieces of it have to do: how long each is.
  static constexpr uint64_t kPieceBytes = 2048;

  explicit OwnMemory(uint64_t most_bytes) : left_(most_bytes) {}

  // Copies from `address` on. Returns how many bytes were there.
  uint64_t ReadSome(uint64_t address, void* to, uint64_t size);
  // Whether all were there.
  bool Read(uint64_t address, void* to, uint64_t size) {
    return ReadSome(address, to, size) == size;
  }
  // No more is to be read: `most_bytes` were.
  bool exhausted() const { return left_ == 0; }

  // Calls `visit(words, bytes)` for `size` bytes, a piece after the other. Of more than `most` only
  // pieces of kPieceBytes are read, `most` bytes in all: the first at the start, the last at the
  // end, the others evenly between. False where a visit was, where bytes are gone, or at the limit.
  template <typename Visit>
  bool EachPiece(uint64_t address, uint64_t size, uint64_t most, const Visit& visit) {
    std::array<uint64_t, kPieceBytes / kWord> words;
    const auto piece = [&](uint64_t at, uint64_t bytes) {
      return !exhausted() && Read(address + at, words.data(), bytes) && visit(words.data(), bytes);
    };
    if (size <= std::max(most, 2 * kPieceBytes)) {
      for (uint64_t at = 0; at < size; at += kPieceBytes) {
        if (!piece(at, std::min(kPieceBytes, size - at))) return false;
      }
      return true;
    }
    const uint64_t last = std::max<uint64_t>(most / kPieceBytes, 2) - 1;  // its number
    const uint64_t end = size - kPieceBytes;
    for (uint64_t i = 0; i < last; ++i) {
      // An address of words stays one.
      if (!piece(end / last * i / kWord * kWord, kPieceBytes)) return false;
    }
    return piece(end, kPieceBytes);
  }

 private:
  const pid_t self_ = ::getpid();
  uint64_t left_;
};

}  // namespace alkaid::heap
