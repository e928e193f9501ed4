// OwnMemory: reads memory of this process that another thread may unmap meanwhile.
//
// Reads through the kernel, which returns an error for an unmapped page. Counts the requested bytes
// up to a limit.
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
  // The size of the pieces that are read of a range which is too long.
  static constexpr uint64_t kPieceBytes = 2048;

  explicit OwnMemory(uint64_t most_bytes) : left_(most_bytes) {}

  // Copies from `address` on. Returns how many bytes could be read.
  uint64_t ReadSome(uint64_t address, void* to, uint64_t size);
  // Whether all bytes could be read.
  bool Read(uint64_t address, void* to, uint64_t size) {
    return ReadSome(address, to, size) == size;
  }
  // The limit is reached: read no more.
  bool exhausted() const { return left_ == 0; }

  // Calls `visit(words, bytes)` for `size` bytes, piece by piece. If `size` is more than `most`,
  // reads only `most` bytes: pieces of kPieceBytes at the start, at the end and evenly between.
  // False if a visit returned false, if bytes cannot be read, or at the limit.
  //
  //     size <= most:  |piece|piece|piece|piece|rest|
  //     size >  most:  |piece|......|piece|......|piece|
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
      // Offsets are multiples of a word.
      if (!piece(end / last * i / kWord * kWord, kPieceBytes)) return false;
    }
    return piece(end, kPieceBytes);
  }

 private:
  const pid_t self_ = ::getpid();
  uint64_t left_;
};

}  // namespace alkaid::heap
