#include <limits>
#include <utility>

#include "alkaid/events/event_batch.h"
#include "alkaid/events/pending_stream_internal.h"

namespace alkaid::events::internal {
namespace {

using dgram::Dgram;
using dgram::DgramBatch;
using dgram::Timestamp;

// The first `count` datagrams of `batch`, of `nbytes`, and the rest.
DgramBatch Head(const DgramBatch& batch, int64_t count, int64_t nbytes) {
  return DgramBatch(batch.origin(), batch.begin()->data(), nbytes, count, batch.first_index());
}
DgramBatch Tail(const DgramBatch& batch, int64_t count, int64_t nbytes) {
  return DgramBatch(batch.origin(), batch.begin()->data() + nbytes, batch.nbytes() - nbytes,
                    batch.size() - count, batch.first_index() + count);
}

}  // namespace

Status PendingStream::Start(MemoryPool* pool) {
  ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, reader_->Next());
  const std::string place = absl::StrCat("stream ", index_, " starts without a Configure");
  if (batch.empty()) return status::DataLoss(place, ": it is empty");
  const Dgram first = *batch.begin();
  if (first.service() != dgram::TransitionId::kConfigure) return first.Fault(0, place);
  // A copy, which does not keep the chunk.
  ALKAID_ASSIGN_OR_RAISE(configure_, first.Copy(pool));
  last_ = first.timestamp();
  Add(Tail(batch, 1, first.size()));
  return absl::OkStatus();
}

Status PendingStream::Read() {
  const Result<DgramBatch> batch = reader_->Next();
  if (!batch.ok()) {
    // Nothing follows a fault of the data; anything else may pass.
    if (batch.status().code() != StatusCode::kDataLoss) return batch.status();
    fault_ = batch.status();
  }
  ended_ = !batch.ok() || batch->empty();
  if (!ended_) Add(*batch);
  return absl::OkStatus();
}

void PendingStream::Add(const DgramBatch& batch) {
  int64_t count = 0;
  int64_t nbytes = 0;
  int64_t l1_count = 0;
  bool has_end_run = false;
  for (const Dgram& dgram : batch) {
    const Timestamp timestamp = dgram.timestamp();
    if (timestamp < last_) [[unlikely]] {
      ended_ = true;
      fault_ = dgram.Fault(0, absl::StrCat("timestamp ", timestamp.value(), " of stream ", index_,
                                           " (", dgram::TransitionName(dgram.service()),
                                           ") goes back: before it is ", last_.value()));
      break;
    }
    last_ = timestamp;
    ++count;
    nbytes += dgram.size();
    l1_count += IsL1Accept(dgram.service());
    has_end_run |= dgram.service() == dgram::TransitionId::kEndRun;
  }
  if (count == 0) return;
  pieces_.push_back({Head(batch, count, nbytes), last_, l1_count, has_end_run});
  l1_count_ += l1_count;
  nbytes_ += nbytes;
}

std::vector<DgramBatch> PendingStream::Cut(Timestamp limit) {
  std::vector<DgramBatch> cut;
  while (!pieces_.empty()) {
    Piece& piece = pieces_.front();
    if (piece.last <= limit) {
      l1_count_ -= piece.l1_count;
      nbytes_ -= piece.batch.nbytes();
      cut.push_back(std::move(piece.batch));
      pieces_.pop_front();
      continue;
    }
    int64_t count = 0;
    int64_t nbytes = 0;
    int64_t l1_count = 0;
    for (const Dgram& dgram : piece.batch) {
      if (dgram.timestamp() > limit) break;
      ++count;
      nbytes += dgram.size();
      l1_count += IsL1Accept(dgram.service());
    }
    if (count == 0) break;
    cut.push_back(Head(piece.batch, count, nbytes));
    piece.batch = Tail(piece.batch, count, nbytes);
    piece.l1_count -= l1_count;
    l1_count_ -= l1_count;
    nbytes_ -= nbytes;
    break;
  }
  return cut;
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

}  // namespace alkaid::events::internal
