// XtcWalk: every Xtc inside a datagram, with all lengths checked before they are used.
//
// Goes depth first through Parents, which it does not report, and skips those whose damage says
// corrupted, as it does with the whole payload of such a datagram. Names, ShapesData and Xtcs of
// unknown type are reported whole.
//
//   XtcWalk walk(dgram);
//   while (walk.Next()) Use(walk.xtc(), dgram.data() + walk.offset());
//   ALKAID_RETURN_NOT_OK(walk.status());
//
// Ownership: borrows the Dgram.
// Threads: one.
// Out of memory: allocates nothing, but for the message of a fault: then Next, which answers with
// no status, throws std::bad_alloc, and called again meets the same fault. CheckExtents says
// kResourceExhausted.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram {

class ALKAID_EXPORT XtcWalk {
 public:
  // How deep Parents may nest, the datagram's root not counted. Real files do not nest them at all.
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

  // The Xtc that Next went to, and where it starts, in bytes from the start of the datagram.
  const Xtc& xtc() const { return xtc_; }
  int64_t offset() const { return at_; }

  // OK, or kDataLoss with source, byte and datagram index (XTC2, sections 6.2 and 6.6).
  const Status& status() const { return status_; }

 protected:
  // Ends the walk with a fault `at` bytes from the start of the datagram. Always false.
  bool Fail(int64_t at, const std::string& what);
  // Makes Next go to this Xtc once more, and to the one after it again. For those who look into one
  // and may be interrupted.
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
  // Where each Parent that the walk is in ends. Only [0, depth_] are set.
  int64_t ends_[kMaxDepth + 1];
};

// Checks every extent of a datagram and looks into no ShapesData: what can be said without a
// Configuration.
ALKAID_EXPORT Status CheckExtents(const Dgram& dgram);

}  // namespace alkaid::dgram
