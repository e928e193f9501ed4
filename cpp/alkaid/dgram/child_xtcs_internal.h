// ChildXtcs: the Xtcs that stand in a row inside another one, each with its extent checked.
//
//   begin                                                          end
//   | child: header, payload | child: header, payload | ... | child |
//
//   ChildXtcs children(dgram.data(), begin, end);
//   while (children.Next()) Use(children.xtc(), children.offset());
//   if (children.broken()) return Fail(children.offset(), children.Why("Parent"));
//
// Does not descend. XtcWalk, whose code users inline, checks the same by itself.
//
// Ownership: borrows the bytes. Threads: one at a time. Out of memory: only the texts allocate, and
// throw std::bad_alloc.
#pragma once

#include <cstdint>
#include <string>

#include "alkaid/base/status.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram::internal {

// What is wrong where `left` bytes of the enclosing Xtc, `around`, are too few for a header or for
// the extent of `xtc`. `xtc` counts only where its header fits.
inline std::string BrokenExtentText(const Xtc& xtc, int64_t left, const char* around) {
  if (left < kXtcHeaderBytes) {
    return absl::StrCat(left, " bytes are left over in the enclosing ", around, ", a header has ",
                        kXtcHeaderBytes);
  }
  return absl::StrCat("Xtc of type ", static_cast<int>(xtc.type()), " and extent ", xtc.extent,
                      ", the least is ", kXtcHeaderBytes, " and the enclosing ", around, " has ",
                      left, " left");
}

class ChildXtcs {
 public:
  // Offsets are in bytes from `data`, of which all up to `end` must be there.
  ChildXtcs(const uint8_t* data, int64_t begin, int64_t end)
      : data_(data), at_(begin), next_(begin), end_(end) {}

  // Goes to the next child. False at the end, or where the extents break: ask broken().
  bool Next() {
    at_ = next_;
    if (left() < kXtcHeaderBytes) return false;
    xtc_ = Xtc::Read(data_ + at_);
    if (xtc_.extent < kXtcHeaderBytes || xtc_.extent > left()) [[unlikely]]
      return false;
    next_ = at_ + xtc_.extent;
    return true;
  }

  // The current child, its start and its end.
  const Xtc& xtc() const { return xtc_; }
  int64_t offset() const { return at_; }
  int64_t end() const { return next_; }
  // Its payload.
  int64_t payload_offset() const { return at_ + kXtcHeaderBytes; }
  int64_t payload_bytes() const { return int64_t{xtc_.extent} - kXtcHeaderBytes; }

  // After Next returned false: whether bytes are left, from offset() on, that are no sound child.
  bool broken() const { return left() != 0; }
  // Whether these have at least a header.
  bool has_header() const { return left() >= kXtcHeaderBytes; }
  // What is wrong with them.
  std::string Why(const char* around) const { return BrokenExtentText(xtc_, left(), around); }

 private:
  int64_t left() const { return end_ - at_; }

  const uint8_t* data_;
  Xtc xtc_;
  int64_t at_;
  int64_t next_;
  int64_t end_;
};

}  // namespace alkaid::dgram::internal
