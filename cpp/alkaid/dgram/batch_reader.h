// BatchReader: a stream of datagrams, in batches of one read each.
//
//   ALKAID_ASSIGN_OR_RAISE(auto reader, BatchReader::Open("run.xtc2"));
//   while (true) {
//     ALKAID_ASSIGN_OR_RAISE(DgramBatch batch, reader->Next());
//     if (batch.empty()) break;
//     for (const Dgram& dgram : batch) { ... }
//   }
//
// Each batch is one ReadAt (one pread on a file) into one block of the pool; a datagram that the
// end of the block cuts is read again as the start of the next. A datagram larger than a batch gets
// a batch of its own size, up to a limit that the caller sets. A block whose last view is gone is
// used again while it is warm; so memory is bounded by two blocks and whatever the caller holds,
// however long the file. Over a Buffer nothing is read: batches point into it.
//
// A stream (a pipe, a FIFO, a socket) is read once and in order: a batch has what is there, and
// only where that is no whole datagram is more waited for. Bytes are counted from where the stream
// was when it was opened.
//
// A file that is still being written is read with a watch (`live`): what is not there yet is waited
// for, half a datagram too, and a batch has what there is. Reading ends where nothing stands behind
// an EndRun, or where the watch ends it: after a silence what is left is the end of the file, and a
// partial datagram there is a fault; where the program stopped it, that is left out.
//
// Everything before a fault is delivered before the fault, and everything before a place that
// cannot be read (a bad sector) before that failure, which names the byte. A fault of the data
// (kDataLoss) stays: Next goes on reporting it. After any other failure (memory, I/O) Next may be
// called again and tries from where it was. With `on_fault` the reader goes on behind faults
// (fault_policy.h).
//
// Ownership: the reader shares its file, stream or Buffer. Batches, datagrams and arrays may
// outlive the reader. The pool is borrowed unless `pool_owner` shares it, and must outlive both.
// Threads: a reader is for one thread at a time; what it gives is not.
// Out of memory: kResourceExhausted from Open and Next, where operator new has none too.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/core/files/live_file.h"
#include "alkaid/core/files/live_watch.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/dgram/batch.h"
#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/configuration_history.h"
#include "alkaid/dgram/fault_policy.h"

namespace alkaid::dgram {

struct BatchReaderOptions {
  // Bytes that one read asks for. Blocks that fit the processor's cache are the fastest to walk.
  int64_t batch_bytes = int64_t{4} << 20;
  // Bytes of the largest datagram that is accepted; a larger one is kResourceExhausted, naming
  // both, and this option.
  int64_t max_dgram_bytes = kMaxDgramBytes;
  // The range to read, in bytes of the source; `end` -1 is its end. A datagram must start at
  // `begin`.
  int64_t begin = 0;
  int64_t end = -1;
  // The index that the first datagram gets.
  int64_t first_index = 0;
  // Declares the fields until a Configure comes; for files that continue another and have none.
  std::shared_ptr<const Configuration> configuration;
  // The same instead of it, where that other file may have several Configures: what counts for a
  // datagram goes by its time. One of no known Configuration counts as before any Configure.
  std::shared_ptr<const ConfigurationHistory> history = nullptr;
  // Whether a datagram before any Configure is a fault. When not, it is delivered without a
  // Configuration: its header and extents can be looked at, not its fields.
  bool require_configuration = true;
  // Whether Configures are read. When not, each still begins a batch, and every batch carries the
  // `configuration` above: for those who look into a malformed Configure and go on behind it.
  bool read_configures = true;
  // Whether the reader goes on behind malformed data, and who is told what it left out. Not of a
  // stream, nor of a file that is still being written.
  OnFault on_fault = OnFault::kStop;
  OnSkip on_skip;
  // Reads the source as one that is still being written; it must be a file, and `end` is not given.
  // Readers of one run share one watch, and one thread.
  std::shared_ptr<io::LiveWatch> live = nullptr;
  // Where blocks come from; null: the default pool.
  MemoryPool* pool = nullptr;
  std::shared_ptr<void> pool_owner;
  // What faults call the source; empty: the path, or "file", or "buffer".
  std::string name;
};

class ALKAID_EXPORT BatchReader : public BatchSource {
 public:
  // Options that make no sense (a size below 1, a range that is none, or any range of a stream) are
  // kInvalidArgument or kOutOfRange. A file that cannot be opened fails as errno maps. A path of
  // what can be read but once is opened as a stream, "-" as standard input (FileInputStream).
  static Result<std::unique_ptr<BatchReader>> Open(const std::string& path,
                                                   BatchReaderOptions options = {});
  static Result<std::unique_ptr<BatchReader>> Open(std::shared_ptr<io::RandomAccessFile> file,
                                                   BatchReaderOptions options = {});
  // A file that is still being written; it says itself what it is waited for by, not `live`.
  static Result<std::unique_ptr<BatchReader>> Open(std::unique_ptr<io::LiveFile> file,
                                                   BatchReaderOptions options = {});
  // The CPU must be able to read the buffer; whoever owns its bytes.
  static Result<std::unique_ptr<BatchReader>> Open(std::shared_ptr<Buffer> buffer,
                                                   BatchReaderOptions options = {});
  // From where the stream stands to its end.
  static Result<std::unique_ptr<BatchReader>> OpenStream(std::shared_ptr<io::InputStream> stream,
                                                         BatchReaderOptions options = {});

  // The next batch; an empty one at the end. kDataLoss with source, byte and datagram index for
  // malformed structure: a bad header, a partial datagram at the end, a malformed Names, a datagram
  // before any Configure. A file of another kind is called that, with its first bytes.
  Result<DgramBatch> Next() override = 0;

  // The latest Configuration met; at first the one of the options, or of the last batch by their
  // history. May be null.
  virtual const std::shared_ptr<const Configuration>& configuration() const = 0;
  // Bytes of the source before what Next gives next, and its datagram index.
  virtual int64_t position() const = 0;
  virtual int64_t next_index() const = 0;
  // Bytes of the source where reading ends; -1 where it is a stream or still being written, and
  // that was not met yet.
  virtual int64_t end() const = 0;
  // The same, but such a source is read to its end for it: nothing is delivered after that.
  virtual Result<int64_t> FindEnd() { return end(); }
  // Why a source that was being written is read no further; kNone until it is known.
  virtual io::LiveEnd live_end() const { return io::LiveEnd::kNone; }
  virtual MemoryPool* pool() const = 0;
};

}  // namespace alkaid::dgram
