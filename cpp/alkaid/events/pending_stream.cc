#include <limits>
#include <utility>

#include "alkaid/dgram/data_fault.h"
#include "alkaid/events/event_batch.h"
#include "alkaid/events/pending_stream_internal.h"

namespace alkaid::events::internal {
namespace {

using dgram::Dgram;
using dgram::DgramBatch;
using dgram::Timestamp;

// The first `count` datagrams of `batch`, which are `nbytes`; Tail gives the rest.
DgramBatch Head(const DgramBatch& batch, int64_t count, int64_t nbytes) {
  return DgramBatch(batch.origin(), batch.begin()->data(), nbytes, count, batch.first_index());
}
DgramBatch Tail(const DgramBatch& batch, int64_t count, int64_t nbytes) {
  return DgramBatch(batch.origin(), batch.begin()->data() + nbytes, batch.nbytes() - nbytes,
                    batch.size() - count, batch.first_index() + count);
}

}  // namespace

Status PendingStream::Start(PoolHandle pool) {
  ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, reader_->Next());
  if (batch.empty() && reader_->live_end() == io::LiveEnd::kStopped) {
    return absl::CancelledError(
        absl::StrCat("stopped before the Configure of stream ", index_, " was written"));
  }
  const std::string place = absl::StrCat("stream ", index_, " starts without a Configure");
  if (batch.empty()) {
    return dgram::internal::DataFault(
        path_, path_.empty() ? "" : ": ", place,
        reader_->end() > 0 ? ": all of it was skipped" : ": it is empty");
  }
  const Dgram first = *batch.begin();
  if (first.service() != dgram::TransitionId::kConfigure) return first.Fault(0, place);
  // A copy does not keep the chunk. Its time is not compared with the data: a Configure may go by
  // another clock.
  ALKAID_ASSIGN_OR_RAISE(configure_, first.Copy(std::move(pool)));
  Add(Tail(batch, 1, first.size()));
  return absl::OkStatus();
}

Status PendingStream::Read() {
  if (read_.empty()) {
    Result<DgramBatch> batch = reader_->Next();
    if (!batch.ok()) {
      // Nothing follows a fault of the data, or a place that cannot be read.
      if (dgram::internal::MayPass(batch.status())) return batch.status();
      fault_ = batch.status();
    }
    ended_ = !batch.ok() || batch->empty();
    if (ended_) return absl::OkStatus();
    read_ = *std::move(batch);
  }
  Add(read_);
  read_ = DgramBatch();
  return absl::OkStatus();
}

void PendingStream::Add(const DgramBatch& batch) {
  Piece piece{DgramBatch(), last_, 0, false};
  int64_t count = 0;
  int64_t nbytes = 0;
  Status fault;
  for (const Dgram& dgram : batch) {
    const Timestamp timestamp = dgram.timestamp();
    if (timestamp < piece.last) [[unlikely]] {
      fault = dgram::internal::DgramFault(
          dgram, 0,
          absl::StrCat("timestamp ", timestamp.value(), " of stream ", index_, " (",
                       dgram::TransitionName(dgram.service()), ") goes back: before it is ",
                       piece.last.value()));
      break;
    }
    piece.last = timestamp;
    ++count;
    nbytes += dgram.size();
    piece.l1_count += IsL1Accept(dgram.service());
    piece.has_end_run |= dgram.service() == dgram::TransitionId::kEndRun;
  }
  if (count > 0) {
    piece.batch = Head(batch, count, nbytes);
    pieces_.push_back(std::move(piece));
    last_ = pieces_.back().last;
    l1_count_ += pieces_.back().l1_count;
    nbytes_ += nbytes;
  }
  if (fault.ok()) return;
  ended_ = true;
  dropped_ = batch.nbytes() - nbytes;
  fault_ = std::move(fault);
}

PendingStream::Share PendingStream::ShareUpTo(Timestamp limit) const noexcept {
  Share share;
  for (const Piece& piece : pieces_) {
    if (piece.last <= limit) {
      ++share.pieces;
      continue;
    }
    for (const Dgram& dgram : piece.batch) {
      if (dgram.timestamp() > limit) break;
      ++share.count;
      share.nbytes += dgram.size();
      share.l1_count += IsL1Accept(dgram.service());
    }
    break;
  }
  return share;
}

std::vector<DgramBatch> PendingStream::BatchesOf(const Share& share) const {
  std::vector<DgramBatch> batches;
  batches.reserve(share.pieces + 1);
  for (size_t i = 0; i < share.pieces; ++i) batches.push_back(pieces_[i].batch);
  if (share.count > 0) {
    batches.push_back(Head(pieces_[share.pieces].batch, share.count, share.nbytes));
  }
  return batches;
}

void PendingStream::Remove(const Share& share) noexcept {
  for (size_t i = 0; i < share.pieces; ++i) {
    l1_count_ -= pieces_.front().l1_count;
    nbytes_ -= pieces_.front().batch.nbytes();
    pieces_.pop_front();
  }
  if (share.count == 0) return;
  Piece& piece = pieces_.front();
  piece.batch = Tail(piece.batch, share.count, share.nbytes);
  piece.l1_count -= share.l1_count;
  l1_count_ -= share.l1_count;
  nbytes_ -= share.nbytes;
}

Timestamp PendingStream::NextAfter(Timestamp limit) const {
  for (const Piece& piece : pieces_) {
    if (piece.last <= limit) continue;
    for (const Dgram& dgram : piece.batch) {
      if (dgram.timestamp() > limit) return dgram.timestamp();
    }
  }
  return Timestamp(std::numeric_limits<uint64_t>::max());
}

Timestamp PendingStream::TimestampOfL1Accept(int64_t count) const {
  for (const Piece& piece : pieces_) {
    if (piece.l1_count < count) {
      count -= piece.l1_count;
      continue;
    }
    for (const Dgram& dgram : piece.batch) {
      count -= IsL1Accept(dgram.service());
      if (count == 0) return dgram.timestamp();
    }
  }
  return last_;
}

std::optional<Timestamp> PendingStream::LastL1Accept(Timestamp limit) const {
  std::optional<Timestamp> last;
  for (auto piece = pieces_.rbegin(); piece != pieces_.rend() && !last.has_value(); ++piece) {
    if (piece->l1_count == 0) continue;
    for (const Dgram& dgram : piece->batch) {
      if (dgram.timestamp() > limit) break;
      if (IsL1Accept(dgram.service())) last = dgram.timestamp();
    }
  }
  return last;
}

std::optional<Timestamp> PendingStream::FirstEndRun() const {
  for (const Piece& piece : pieces_) {
    if (!piece.has_end_run) continue;
    for (const Dgram& dgram : piece.batch) {
      if (dgram.service() == dgram::TransitionId::kEndRun) return dgram.timestamp();
    }
  }
  return std::nullopt;
}

}  // namespace alkaid::events::internal
