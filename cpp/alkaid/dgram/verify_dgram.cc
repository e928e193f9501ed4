// What can be wrong with a datagram's header and with its Xtcs.

#include <algorithm>
#include <utility>

#include "alkaid/dgram/verify_dgram_internal.h"
#include "alkaid/dgram/xtc_walk.h"

namespace alkaid::dgram {
namespace internal {
namespace {

constexpr uint32_t kNanosecondsOfSecond = 1'000'000'000;

// Nanoseconds of a second and more must show, so this is no decimal fraction.
std::string SecondsAndNanoseconds(Timestamp time) {
  return absl::StrCat(time.seconds(), " s ", time.nanoseconds(), " ns");
}

}  // namespace

// The verifier's own state changes only once nothing of the check can fail any more.
void DgramCheck::Run() {
  CheckHeader();
  Flush();
  if (dgram_.service() == TransitionId::kConfigure) Declare();
  CheckPayload();
  if (dgram_.service() == TransitionId::kL1Accept && state_.records.declared && !record_met_ &&
      !has_fault_) {
    Fault(0, "L1Accept without a small-data record");
  }
  Flush();
  for (Verifier::Declared* const declared : remarked_) declared->remarked = true;
  if (declared_ == &own_) {
    verifier_.declared_.swap(own_);
    verifier_.history_ = nullptr;
  }
  if (announced_) verifier_.announced_.swap(announced_);
  verifier_.state_ = state_;
}

void DgramCheck::Flush() {
  std::stable_sort(findings_.begin(), findings_.end(),
                   [](const Finding& a, const Finding& b) { return a.byte < b.byte; });
  for (const Finding& finding : findings_) verifier_.AddOnce(finding);
  findings_.clear();
}

void DgramCheck::CheckHeader() {
  const DgramHeader header = dgram_.header();
  if (header.service() > TransitionId::kL1Accept) {
    Remark(8, "service ", static_cast<int>(header.service()), ", the format knows 0 to ",
           static_cast<int>(TransitionId::kL1Accept));
  }
  if (header.service() == TransitionId::kConfigure) {
    state_.configured = true;
  } else if (verifier_.history_ != nullptr && !state_.configured) {
    Fault(0, TransitionName(header.service()), " ", verifier_.history_->Why(header.timestamp));
    state_.unconfigured_said = true;
  } else if (!state_.any && !state_.configured) {
    Fault(0, "the first datagram is ", TransitionName(header.service()), ", not Configure");
  }
  if (header.timestamp.nanoseconds() >= kNanosecondsOfSecond) {
    Remark(0, "time of ", SecondsAndNanoseconds(header.timestamp), ", a second has ",
           kNanosecondsOfSecond);
  }
  if (state_.any && header.timestamp < state_.last) {
    Remark(0, "time goes backwards, from ", SecondsAndNanoseconds(state_.last), " to ",
           SecondsAndNanoseconds(header.timestamp));
  }
  state_.any = true;
  state_.last = header.timestamp;
  if (header.root.type() != TypeId::kParent) {
    Remark(18, "the root is of type ", static_cast<int>(header.root.type()), ", not Parent");
  }
  RemarkDamage(16, header.root.damage, "the datagram");
}

void DgramCheck::Declare() {
  const bool corrupted = dgram_.damage().corrupted();
  declared_ = &own_;
  state_.hidden_said = false;
  state_.hidden = corrupted;
  if (!corrupted) {
    only_declare_ = true;
    Walk(kDgramHeaderBytes, dgram_.size(), 0);
    only_declare_ = false;
  }
  state_.records = Verifier::FindRecords(own_);
}

void DgramCheck::CheckPayload() {
  const int64_t payload_bytes = dgram_.size() - kDgramHeaderBytes;
  if (!dgram_.damage().corrupted()) {
    Walk(kDgramHeaderBytes, dgram_.size(), 0);
  } else if (payload_bytes > 0) {
    Remark(kDgramHeaderBytes,
           "payload of a datagram marked Corrupted, which readers skip: ", payload_bytes,
           " bytes not checked");
  }
}

bool DgramCheck::CheckEnd(const ChildXtcs& children, const char* around) {
  if (!children.broken()) return true;
  Fault(children.offset(), children.Why(around),
        children.has_header() ? ": these bytes are not checked" : "");
  return false;
}

void DgramCheck::Walk(int64_t begin, int64_t end, int depth) {
  ChildXtcs children(data_, begin, end);
  while (children.Next()) {
    Flush();
    switch (children.xtc().type()) {
      case TypeId::kParent:
        CheckParent(children, depth);
        break;
      case TypeId::kNames:
        CheckNames(children.offset(), children.xtc());
        break;
      case TypeId::kShapesData:
        if (!only_declare_) CheckShapesData(children.offset(), children.xtc());
        break;
      default:
        RemarkSkipped(children);
    }
  }
  CheckEnd(children, "Parent");
}

void DgramCheck::CheckParent(const ChildXtcs& parent, int depth) {
  const int64_t at = parent.offset();
  const Xtc& xtc = parent.xtc();
  RemarkDamage(at, xtc.damage, "a Parent");
  if (xtc.damage.corrupted()) {
    Remark(at, "Parent marked Corrupted, which readers skip: ", xtc.extent, " bytes not checked");
  } else if (depth == XtcWalk::kMaxDepth) {
    Fault(at, "Parents nest deeper than the limit of ", XtcWalk::kMaxDepth, ": ", xtc.extent,
          " bytes are not checked");
  } else {
    Walk(parent.payload_offset(), parent.end(), depth + 1);
  }
}

}  // namespace internal

void Verifier::Check(const Dgram& dgram) {
  const std::pair place(dgram.offset(), dgram.index());
  if (place != interrupted_) told_ = 0;
  interrupted_ = place;
  to_skip_ = told_;
  if (history_ != nullptr) DeclareFor(dgram);
  internal::DgramCheck(this, dgram).Run();
  interrupted_ = {-1, -1};
  ++totals_.dgrams;
  totals_.bytes += dgram.size();
}

}  // namespace alkaid::dgram
