#include "alkaid/dgram/xtc_walk.h"

#include <new>
#include <string>

#include "alkaid/dgram/child_xtcs_internal.h"

namespace alkaid::dgram {

bool XtcWalk::Descend() {
  if (depth_ == kMaxDepth) {
    StepBack();
    return Fail(at_, absl::StrCat("Parents nest deeper than the limit of ", kMaxDepth));
  }
  ends_[++depth_] = next_;
  next_ = at_ + kXtcHeaderBytes;
  return true;
}

bool XtcWalk::FailSlack(int64_t left) {
  return Fail(at_, internal::BrokenExtentText(xtc_, left, "Xtc"));
}

bool XtcWalk::FailExtent(int64_t left) {
  return Fail(at_, internal::BrokenExtentText(xtc_, left, "Xtc"));
}

bool XtcWalk::Fail(int64_t at, const std::string& what) {
  status_ = internal::DgramFault(*dgram_, at, what);
  depth_ = 0;
  at_ = next_ = ends_[0];
  return false;
}

Status CheckExtents(const Dgram& dgram) try {
  XtcWalk walk(dgram);
  while (walk.Next()) {
  }
  return walk.status();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::dgram
