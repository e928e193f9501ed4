// XtcWalk: every Xtc inside a datagram, with all lengths checked before they are used.
//
// Goes depth first through Parents, which it does not report. Skips Parents whose damage says
// corrupted, and the whole payload of a corrupted datagram. Reports Names, ShapesData and Xtcs of
// unknown type whole.
//
//   XtcWalk walk(dgram);
//   while (walk.Next()) Use(walk.xtc(), dgram.data() + walk.offset());
//   ALKAID_RETURN_NOT_OK(walk.status());
//
// Ownership: borrows the Dgram.
// Threads: one.
// Out of memory: allocates only the message of a fault. Next returns no status and so throws
// std::bad_alloc; the next call meets the same fault. CheckExtents returns kResourceExhausted.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram {

class ALKAID_EXPORT XtcWalk {
 public:
  // How deep Parents may nest, not counting the datagram's root. In real files they do not nest at
  // all.
  static constexpr int kMaxDepth = 64;

  explicit XtcWalk(const Dgram& dgram) : dgram_(&dgram), data_(dgram.data()) {
    ends_[0] = dgram.damage().corrupted() ? kDgramHeaderBytes : dgram.size();
  }

  // Goes to the next Xtc. False at the end, or at a fault: ask status().
  bool Next() {
    while (true) {
      at_ = next_;
      while (at_ == ends_[depth_]) {
        if (depth_ == 0) return false;
        --depth_;
      }
      const int64_t left = ends_[depth_] - at_;
      if (left < kXtcHeaderBytes) [[unlikely]]
        return FailSlack(left);
      xtc_ = Xtc::Read(data_ + at_);
      if (xtc_.extent < kXtcHeaderBytes || xtc_.extent > left) [[unlikely]]
        return FailExtent(left);
      next_ = at_ + xtc_.extent;
      if (xtc_.type() != TypeId::kParent) [[likely]]
        return true;
      if (!xtc_.damage.corrupted() && !Descend()) return false;
    }
  }

  // The current Xtc, and its start in bytes from the start of the datagram.
  const Xtc& xtc() const { return xtc_; }
  int64_t offset() const { return at_; }

  // OK, or kDataLoss with source, byte and datagram index (XTC2, sections 6.2 and 6.6).
  const Status& status() const { return status_; }

 protected:
  // Ends the walk with a fault `at` bytes from the start of the datagram. Always returns false.
  bool Fail(int64_t at, const std::string& what);
  // StepBack makes Next go to this Xtc once more, StepOn to the one after it. For callers that
  // parse an Xtc and may be interrupted.
  void StepBack() { next_ = at_; }
  void StepOn() { next_ = at_ + xtc_.extent; }

  const Dgram* dgram_;
  const uint8_t* data_;

 private:
  bool Descend();
  bool FailSlack(int64_t left);
  bool FailExtent(int64_t left);

  Xtc xtc_;
  int64_t at_ = kDgramHeaderBytes;
  int64_t next_ = kDgramHeaderBytes;
  int depth_ = 0;
  Status status_;
  // The ends of the Parents that the walk is in. Only [0, depth_] are set.
  int64_t ends_[kMaxDepth + 1];
};

// Checks every extent of a datagram and parses no ShapesData: all that needs no Configuration.
ALKAID_EXPORT Status CheckExtents(const Dgram& dgram);

}  // namespace alkaid::dgram
