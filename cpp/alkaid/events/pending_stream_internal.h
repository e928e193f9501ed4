// PendingStream: what was read of one stream of small data and not yet given out.
//
// Whole chunks come in at one end, and are cut at timestamps at the other. A chunk's datagrams must
// not go back in time; what does is a fault that stands behind those before it.
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

// Everything of a stream up to some moment: whole pieces, and of the one after them that many
// datagrams.
struct PendingShare {
  size_t pieces = 0;
  int64_t count = 0;
  int64_t nbytes = 0;
  int64_t l1_count = 0;
};

class ALKAID_EXPORT PendingStream {
 public:
  // What is left of one chunk.
  struct Piece {
    dgram::DgramBatch batch;
    dgram::Timestamp last;
    int64_t l1_count;
    // Whether one is, or was, in this chunk.
    bool has_end_run;
  };

  // `index` and `path` are for messages; the path is empty where it is not known.
  PendingStream(std::unique_ptr<dgram::BatchReader> reader, int index, std::string path = {})
      : reader_(std::move(reader)), index_(index), path_(std::move(path)) {}

  // Reads the Configure, of which it keeps a copy from `pool`, and the chunk behind it. kDataLoss
  // where the stream starts with something else. kCancelled where reading was stopped before it.
  Status Start(MemoryPool* pool);
  // Reads one chunk. A fault of the data is kept for later; what is returned may pass.
  Status Read();
  using Share = PendingShare;
  Share ShareUpTo(dgram::Timestamp limit) const noexcept;
  // A share as batches, and taking it away: apart, so that whatever may fail comes before.
  std::vector<dgram::DgramBatch> BatchesOf(const Share& share) const;
  void Remove(const Share& share) noexcept;

  const dgram::BatchReader& reader() const { return *reader_; }
  const dgram::Dgram& configure() const { return configure_; }
  const std::deque<Piece>& pieces() const { return pieces_; }
  bool empty() const { return pieces_.empty(); }
  int64_t l1_count() const { return l1_count_; }
  int64_t nbytes() const { return nbytes_; }
  // Bytes of the source that were given out, the Configure among them; what was read after a fault
  // never is.
  int64_t given() const { return reader_->position() - read_.nbytes() - nbytes_ - dropped_; }
  // Of what was read last, given out or not.
  dgram::Timestamp last() const { return last_; }
  // Of the first datagram; only where there is one.
  dgram::Timestamp first() const { return pieces_.front().batch.begin()->timestamp(); }
  // Of the first datagram behind `limit`; the last moment where there is none.
  dgram::Timestamp NextAfter(dgram::Timestamp limit) const;
  // Of L1Accept number `count`, from 1; there must be as many.
  dgram::Timestamp TimestampOfL1Accept(int64_t count) const;
  // Of the last L1Accept up to `limit`; none where there is none.
  std::optional<dgram::Timestamp> LastL1Accept(dgram::Timestamp limit) const;
  // Of the first EndRun; none where there is none.
  std::optional<dgram::Timestamp> FirstEndRun() const;
  // Whether nothing more can be read: at the end, or at a fault.
  bool ended() const { return ended_; }
  const Status& fault() const { return fault_; }
  // Whether the program ended it, before its file did.
  bool stopped() const { return ended_ && reader_->live_end() == io::LiveEnd::kStopped; }
  bool CanRead(int64_t max_nbytes) const { return !ended_ && nbytes_ < max_nbytes; }

 private:
  void Add(const dgram::DgramBatch& batch);

  const std::unique_ptr<dgram::BatchReader> reader_;
  const int index_;
  const std::string path_;
  dgram::Dgram configure_;
  // What was read and is not among the pieces yet: an empty batch but while there is no memory.
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
