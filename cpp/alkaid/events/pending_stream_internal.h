// PendingStream: what was read of one stream of small data and is not yet given out.
//
// Whole chunks come in at one end, and are cut at timestamps at the other. A chunk's datagrams must
// not go back in time; one that does is a fault, which follows the datagrams before it.
//
// Ownership: owns its reader; shares the chunks with what was cut off them. Threads: one at a time.
// Out of memory: kResourceExhausted from the reader and the pool, std::bad_alloc from operator new;
// Read may be called again and goes on where it was.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/batch_reader.h"

namespace alkaid::events::internal {

// A stream up to some moment: so many whole pieces, and so many datagrams of the next piece.
struct PendingShare {
  size_t pieces = 0;
  int64_t count = 0;
  int64_t nbytes = 0;
  int64_t l1_count = 0;
};

class ALKAID_EXPORT PendingStream {
 public:
  // The rest of one chunk.
  struct Piece {
    dgram::DgramBatch batch;
    dgram::Timestamp last;
    int64_t l1_count;
    // Whether an EndRun is, or was, in this chunk.
    bool has_end_run;
  };

  // `index` and `path` are for messages; an empty path is unknown.
  PendingStream(std::unique_ptr<dgram::BatchReader> reader, int index, std::string path = {})
      : reader_(std::move(reader)), index_(index), path_(std::move(path)) {}

  // Reads the Configure, of which it keeps a copy from `pool`, and the chunk after it. kDataLoss
  // where the stream starts with something else. kCancelled where reading was stopped before that.
  Status Start(PoolHandle pool);
  // Reads one chunk. A fault of the data is kept for later; a returned failure may pass.
  Status Read();
  using Share = PendingShare;
  Share ShareUpTo(dgram::Timestamp limit) const noexcept;
  // Returns a share as batches; Remove takes it away. Two functions, so that everything that may
  // fail comes before.
  std::vector<dgram::DgramBatch> BatchesOf(const Share& share) const;
  void Remove(const Share& share) noexcept;

  const dgram::BatchReader& reader() const { return *reader_; }
  const dgram::Dgram& configure() const { return configure_; }
  const std::deque<Piece>& pieces() const { return pieces_; }
  bool empty() const { return pieces_.empty(); }
  int64_t l1_count() const { return l1_count_; }
  int64_t nbytes() const { return nbytes_; }
  // Bytes of the source that were given out, the Configure among them; what was read after a fault
  // is never given out.
  int64_t given() const { return reader_->position() - read_.nbytes() - nbytes_ - dropped_; }
  // The timestamp of the last datagram that was read, given out or not.
  dgram::Timestamp last() const { return last_; }
  // The timestamp of the first datagram; only where there is one.
  dgram::Timestamp first() const { return pieces_.front().batch.begin()->timestamp(); }
  // The timestamp of the first datagram after `limit`; the last moment where there is none.
  dgram::Timestamp NextAfter(dgram::Timestamp limit) const;
  // The timestamp of L1Accept number `count`, from 1, which must exist.
  dgram::Timestamp TimestampOfL1Accept(int64_t count) const;
  // The timestamp of the last L1Accept up to `limit`, if any.
  std::optional<dgram::Timestamp> LastL1Accept(dgram::Timestamp limit) const;
  // The timestamp of the first EndRun, if any.
  std::optional<dgram::Timestamp> FirstEndRun() const;
  // Whether nothing more can be read: at the end, or at a fault.
  bool ended() const { return ended_; }
  const Status& fault() const { return fault_; }
  // Whether the program stopped it before the end of its file.
  bool stopped() const { return ended_ && reader_->live_end() == io::LiveEnd::kStopped; }
  bool CanRead(int64_t max_nbytes) const { return !ended_ && nbytes_ < max_nbytes; }

 private:
  void Add(const dgram::DgramBatch& batch);

  const std::unique_ptr<dgram::BatchReader> reader_;
  const int index_;
  const std::string path_;
  dgram::Dgram configure_;
  // What was read and is not in pieces_ yet; empty unless memory ran out.
  dgram::DgramBatch read_;
  std::deque<Piece> pieces_;
  int64_t l1_count_ = 0;
  int64_t nbytes_ = 0;
  int64_t dropped_ = 0;  // bytes that were read and follow a fault
  dgram::Timestamp last_;
  bool ended_ = false;
  Status fault_;
};

}  // namespace alkaid::events::internal
