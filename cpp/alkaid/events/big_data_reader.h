// BigDataReader: turns events of small data into the datagrams themselves, with as few reads as
// possible.
//
//   ALKAID_ASSIGN_OR_RAISE(auto reader, BigDataReader::Open({"a.xtc2", "b.xtc2"}, builder));
//   BigDataEvent event;
//   while (true) {
//     ALKAID_ASSIGN_OR_RAISE(const bool more, reader->Next(&event));
//     if (!more) break;
//     if (event.has(0)) Use(event.dgram(0));
//   }
//
// Datagrams of a stream that are adjacent in its file form a group, which is one read into one
// block. A group ends where the next datagram is elsewhere, at every transition, at the end of the
// batch, and before it would reach `chunk_bytes`; a larger datagram is a group of its own. While a
// group is used the next ones are read. Where the next chunk of a stream's data is announced
// (chunk_info.h), reading continues in that file. An announced chunk that cannot be opened fails
// where its first datagram is needed, or at the end where none is.
//
// Every datagram is compared with its record before it is given out: size and timestamp. A file
// that ends too early costs only the datagrams that it does not have whole. Everything before a
// fault is delivered before the fault, and a fault of the data (kDataLoss) stays. After any other
// failure Next may be called again and tries the same event.
//
// Files that are still being written are read with the watch of their small data (`live`): the
// reader waits for bytes that a record announces, and for the next chunk. It then plans only the
// current batch of small data, so that these events do not wait for later ones. When the program
// stops the reading, the events end.
//
// Memory, however long the run: a block for each stream in use, `prefetch` blocks that are being
// read, up to `prefetch` + 2 blocks that wait for reuse, as many batches of small data, and what
// the caller holds. A block has at most `chunk_bytes`, or one datagram.
//
// Ownership: shares the source of batches, owns its files; datagrams live on their own. The pool
// must outlive both.
// Threads: one at a time. Fork: child and parent may both read on, each what was left at the fork;
// a child makes a queue of its own, and repeats the reads in flight.
// Out of memory: kResourceExhausted from Open and Next, also where operator new fails.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/core/files/live_watch.h"
#include "alkaid/core/files/read_queue.h"
#include "alkaid/dgram/fault_policy.h"
#include "alkaid/events/big_data_event.h"
#include "alkaid/events/event_batch.h"
#include "alkaid/events/event_builder.h"

namespace alkaid::events {

// One action of a reader, as BigDataReaderOptions::on_read gets it.
struct BigDataRead {
  enum class Kind { kRead, kOpenChunk };
  Kind kind = Kind::kRead;
  // The batch of small data, from 0, and the stream.
  int64_t batch = 0;
  int stream = 0;
  std::string path;
  // For a read: where it begins, in bytes from the start of the file, and how many bytes are
  // requested.
  int64_t offset = 0;
  int64_t nbytes = 0;
  // For a chunk: its number.
  uint32_t chunk_id = 0;
};

struct BigDataReaderOptions {
  using OpenFile = std::function<Result<std::shared_ptr<io::RandomAccessFile>>(const std::string&)>;

  // A group has fewer bytes than this, unless it is one datagram.
  int64_t chunk_bytes = int64_t{16} << 20;
  // The largest datagram that is read, in bytes; a larger record is kResourceExhausted, naming both
  // sizes.
  int64_t max_dgram_bytes = dgram::kMaxDgramBytes;
  // Whether reading goes on where a datagram is malformed, or not the one of its record, or where
  // the record is malformed: its stream is then absent from the event. With kResync the same holds
  // for a datagram larger than the limit. The next datagram is found by its own record.
  dgram::OnFault on_fault = dgram::OnFault::kStop;
  // Called for each datagram or record that is left out, on the thread that calls Next.
  dgram::OnSkip on_skip;
  // Groups that are read ahead; 0: each is read when it is needed.
  int prefetch = 2;
  io::ReadQueueKind queue = io::ReadQueueKind::kAutomatic;
  // For a read that the end of its file cuts short, as the file may still be growing: how often the
  // rest is tried again, and the pause before each time.
  int max_retries = 3;
  std::chrono::milliseconds retry_pause = std::chrono::milliseconds(100);
  // Reads the files as files that are still being written, instead of retrying. `open_file` must
  // then not be given, and `on_fault` must be kStop.
  std::shared_ptr<io::LiveWatch> live = nullptr;
  // The streams whose small data are used as they are: true at their index.
  std::vector<bool> use_small_data;
  // Whether reading continues in announced chunks. If not, all records refer to the files in
  // `paths`, as in the small data of one file alone.
  bool follow_chunks = true;
  // Opens a file; if not given, io::ReadableFile::Open. Threads that read ahead call ReadAt of the
  // file.
  OpenFile open_file;
  // Called for every read and every change of chunk, in the order in which they happen.
  std::function<void(const BigDataRead&)> on_read;
  // The pool of the blocks; null: the default pool.
  PoolHandle pool = {};
};

class ALKAID_EXPORT BigDataReader {
 public:
  // Returns the next batch of small data; nothing at the end.
  using BatchSource = std::function<Result<std::optional<EventBatch>>()>;

  struct Statistics {
    int64_t events = 0;
    // The L1Accepts that were read from big data, and their bytes.
    int64_t dgrams = 0;
    int64_t dgram_bytes = 0;
    int64_t reads = 0;
    int64_t retries = 0;
    int64_t files_opened = 0;
  };

  // `paths` has the (first) big-data file of each stream; it may be empty for streams that use
  // small data. A file that cannot be opened fails as errno maps; options that make no sense are
  // kInvalidArgument.
  static Result<std::unique_ptr<BigDataReader>> Open(const std::vector<std::string>& paths,
                                                     BatchSource source,
                                                     BigDataReaderOptions options = {});
  // Reads the events of a builder without a `destination` function (else kInvalidArgument).
  static Result<std::unique_ptr<BigDataReader>> Open(const std::vector<std::string>& paths,
                                                     std::shared_ptr<EventBuilder> builder,
                                                     BigDataReaderOptions options = {});
  virtual ~BigDataReader() = default;
  BigDataReader(const BigDataReader&) = delete;
  BigDataReader& operator=(const BigDataReader&) = delete;

  // Fills `event` with the next event; false at the end. Unless it returns true, `event` is
  // meaningless.
  virtual Result<bool> Next(BigDataEvent* event) = 0;

  virtual int stream_count() const = 0;
  virtual const Statistics& statistics() const = 0;
  // How reads run ahead; kInline where none do.
  virtual io::ReadQueueKind queue_kind() const = 0;

 protected:
  BigDataReader() = default;
};

}  // namespace alkaid::events
