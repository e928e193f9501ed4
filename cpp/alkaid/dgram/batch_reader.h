// BatchReader: reads a stream of datagrams in batches, each by one read.
//
//   ALKAID_ASSIGN_OR_RAISE(auto reader, BatchReader::Open("run.xtc2"));
//   while (true) {
//     ALKAID_ASSIGN_OR_RAISE(DgramBatch batch, reader->Next());
//     if (batch.empty()) break;
//     for (const Dgram& dgram : batch) { ... }
//   }
//
// Each batch is one ReadAt (one pread on a file) into one block of the pool. A datagram that the
// end of the block cuts is read again as the start of the next. A datagram larger than a batch gets
// a batch of its own size, up to a limit that the caller sets. A block whose last view is gone is
// reused while it is warm, so memory is bounded by two blocks and what the caller holds, however
// long the file. Over a Buffer nothing is read: batches point into it.
//
// A stream (a pipe, a FIFO, a socket) is read once and in order. A batch has the bytes that are
// there; the reader waits for more only until it has a whole datagram. Bytes are counted from where
// the stream was when it was opened.
//
// A file that is still being written is read with a watch (`live`): the reader waits for what is
// not there yet, also for the rest of a datagram, and a batch has what is there. Reading ends
//   - at an EndRun that nothing follows,
//   - after a silence: the bytes that are there are the file, and a partial datagram at the end is
//     a fault,
//   - when the program stops the watch: then a partial datagram is left out.
//
// Everything before a fault is delivered before the fault. Everything before a place that cannot be
// read (a bad sector) is delivered before that failure, which names the byte. A fault of the data
// (kDataLoss) stays: Next goes on reporting it. After any other failure (memory, I/O) Next may be
// called again and continues where it was. With `on_fault` the reader goes on after faults
// (fault_policy.h).
//
// Ownership: the reader shares its file, stream or Buffer. Batches, datagrams and arrays may
// outlive the reader. A borrowed pool must outlive all of them.
// Threads: a reader is for one thread at a time; its batches and datagrams are not.
// Out of memory: kResourceExhausted from Open and Next, also where operator new fails.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/core/files/live_file.h"
#include "alkaid/core/files/live_watch.h"
#include "alkaid/core/pools/pool_handle.h"
#include "alkaid/dgram/batch.h"
#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/configuration_history.h"
#include "alkaid/dgram/fault_policy.h"

namespace alkaid::dgram {

struct BatchReaderOptions {
  // Bytes that one read asks for. Blocks that fit the processor's cache are the fastest to walk.
  int64_t batch_bytes = int64_t{4} << 20;
  // The largest datagram that is accepted, in bytes; a larger one is kResourceExhausted, which
  // names both sizes and this option.
  int64_t max_dgram_bytes = kMaxDgramBytes;
  // The range to read, in bytes of the source; `end` -1 means its end. A datagram must start at
  // `begin`.
  int64_t begin = 0;
  int64_t end = -1;
  // The index of the first datagram.
  int64_t first_index = 0;
  // Declares the fields until a Configure comes; for files that continue another and have none.
  std::shared_ptr<const Configuration> configuration;
  // Used instead of `configuration` where that other file may have several Configures: each
  // datagram gets the Configuration of its time. A datagram without a known Configuration counts as
  // one before any Configure.
  std::shared_ptr<const ConfigurationHistory> history = nullptr;
  // Whether a datagram before any Configure is a fault. If not, it is delivered without a
  // Configuration: its header and extents can be read, its fields cannot.
  bool require_configuration = true;
  // Whether Configures are parsed. If not, each still begins a batch, and every batch carries the
  // `configuration` above: for callers that inspect a malformed Configure and go on after it.
  bool read_configures = true;
  // Whether the reader goes on after malformed data, and the callback for what it left out. Not for
  // a stream, nor for a file that is still being written.
  OnFault on_fault = OnFault::kStop;
  OnSkip on_skip;
  // Reads the source as one that is still being written; it must be a file, and `end` must not be
  // given. Readers of one run share one watch, and one thread.
  std::shared_ptr<io::LiveWatch> live = nullptr;
  // The pool of the blocks; null: the default pool.
  PoolHandle pool = {};
  // The name of the source in faults; empty: the path, or "file", or "buffer".
  std::string name;
};

class ALKAID_EXPORT BatchReader : public BatchSource {
 public:
  // Options that make no sense (a size below 1, an empty or reversed range, or any range of a
  // stream) are kInvalidArgument or kOutOfRange. A file that cannot be opened fails as errno maps.
  // A path that can be read only once is opened as a stream, "-" as standard input
  // (FileInputStream).
  static Result<std::unique_ptr<BatchReader>> Open(const std::string& path,
                                                   BatchReaderOptions options = {});
  static Result<std::unique_ptr<BatchReader>> Open(std::shared_ptr<io::RandomAccessFile> file,
                                                   BatchReaderOptions options = {});
  // A file that is still being written; it has its own watch, and `live` is not used.
  static Result<std::unique_ptr<BatchReader>> Open(std::unique_ptr<io::LiveFile> file,
                                                   BatchReaderOptions options = {});
  // The CPU must be able to read the buffer; it does not matter who owns its bytes.
  static Result<std::unique_ptr<BatchReader>> Open(std::shared_ptr<Buffer> buffer,
                                                   BatchReaderOptions options = {});
  // Reads from where the stream stands to its end.
  static Result<std::unique_ptr<BatchReader>> OpenStream(std::shared_ptr<io::InputStream> stream,
                                                         BatchReaderOptions options = {});

  // The next batch; an empty one at the end. kDataLoss with source, byte and datagram index for
  // malformed structure: a bad header, a partial datagram at the end, a malformed Names, a datagram
  // before any Configure. For a file of another kind the message says so, with its first bytes.
  Result<DgramBatch> Next() override = 0;

  // The latest Configuration that was read. Before any, the one of the options, or with a history
  // that of the last batch. May be null.
  virtual const std::shared_ptr<const Configuration>& configuration() const = 0;
  // The byte of the source where the next datagram starts, and its index.
  virtual int64_t position() const = 0;
  virtual int64_t next_index() const = 0;
  // The byte of the source where reading ends; -1 for a stream or a file that is still being
  // written, until the end was met.
  virtual int64_t end() const = 0;
  // The same, but reads such a source to its end to find it: nothing is delivered after that.
  virtual Result<int64_t> FindEnd() { return end(); }
  // Why a source that was being written is read no further; kNone until that is known.
  virtual io::LiveEnd live_end() const { return io::LiveEnd::kNone; }
  virtual MemoryPool* pool() const = 0;
};

}  // namespace alkaid::dgram
