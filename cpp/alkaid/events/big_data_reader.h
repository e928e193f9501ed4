// BigDataReader: from events of small data to the datagrams themselves, with as few reads as can
// be.
//
//   ALKAID_ASSIGN_OR_RAISE(auto reader, BigDataReader::Open({"a.xtc2", "b.xtc2"}, builder));
//   BigDataEvent event;
//   while (true) {
//     ALKAID_ASSIGN_OR_RAISE(const bool more, reader->Next(&event));
//     if (!more) break;
//     if (event.has(0)) Use(event.dgram(0));
//   }
//
// The datagrams of a stream that lie behind each other in its file make a group, which is one read
// into one block. A group ends where the next datagram lies elsewhere, at every transition, at the
// end of the batch, and before it would reach `chunk_bytes`; a larger datagram is a group of its
// own. While a group is used the next ones are read. Where the next chunk of a stream's data is
// announced (chunk_info.h), reading goes on in that file. One that is announced and cannot be
// opened fails where its first datagram is needed, or at the end where none is.
//
// Every datagram is compared with its record before it is given out: size and timestamp. A file
// that ends too early costs the datagrams that are not whole in it, and no others. Everything
// before a fault is delivered before the fault, and a fault of the data (kDataLoss) stays. After
// any other failure Next may be called again and tries the same event.
//
// Files that are still being written are read with a watch (`live`), which is that of their small
// data too: bytes that a record announces are waited for, and so is the next chunk. Nothing is
// planned beyond the batch of small data under way then, which nobody is to wait for. Where the
// program stops the reading, the events end.
//
// Memory: a block for each stream that is in use, `prefetch` blocks that are being read, up to
// `prefetch` + 2 blocks that wait to be used again, as many batches of small data, and whatever the
// caller holds, however long the run. A block has at most `chunk_bytes`, or one datagram.
//
// Ownership: shares the source of batches, owns its files; datagrams live on their own. The pool
// must outlive both.
// Threads: one at a time. Fork: a child and its parent may both read on, each what was left at the
// fork; a child makes a queue of its own, and reads again what was being read.
// Out of memory: kResourceExhausted from Open and Next, where operator new has none too.
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

// What a reader did, as it is told to BigDataReaderOptions::on_read.
struct BigDataRead {
  enum class Kind { kRead, kOpenChunk };
  Kind kind = Kind::kRead;
  // The batch of small data, from 0, and the stream.
  int64_t batch = 0;
  int stream = 0;
  std::string path;
  // Of a read: bytes from the start of the file, and bytes asked for.
  int64_t offset = 0;
  int64_t nbytes = 0;
  // Of a chunk that is gone on in.
  uint32_t chunk_id = 0;
};

struct BigDataReaderOptions {
  using OpenFile = std::function<Result<std::shared_ptr<io::RandomAccessFile>>(const std::string&)>;

  // A group has fewer bytes than that, unless it is one datagram.
  int64_t chunk_bytes = int64_t{16} << 20;
  // Bytes of the largest datagram that is read; a larger record is kResourceExhausted, naming both.
  int64_t max_dgram_bytes = dgram::kMaxDgramBytes;
  // Whether reading goes on where a datagram is malformed, or not the one of its record: its stream
  // then has none in the event. So it has where the record is malformed; one of more bytes than the
  // limit goes by that too with kResync. Who is told. Where the next one lies its record says.
  dgram::OnFault on_fault = dgram::OnFault::kStop;
  dgram::OnSkip on_skip;
  // Groups that are read ahead; 0: each is read when it is needed.
  int prefetch = 2;
  io::ReadQueueKind queue = io::ReadQueueKind::kAutomatic;
  // What is done about a read that the end of its file cuts short, which may still be growing: how
  // often the rest is tried again, and how long to wait before each time.
  int max_retries = 3;
  std::chrono::milliseconds retry_pause = std::chrono::milliseconds(100);
  // Reads the files as ones that are still being written, instead of trying a few times. There is
  // no `open_file` then, and `on_fault` is kStop.
  std::shared_ptr<io::LiveWatch> live = nullptr;
  // Streams (by index) whose small data are used as they are: true in their place.
  std::vector<bool> use_small_data;
  // Whether reading goes on in the chunks that are announced. When not, all records are those of
  // the files that were named, as small data of one file alone have them.
  bool follow_chunks = true;
  // Opens a file; where none is given, io::ReadableFile::Open. Its ReadAt is called from threads
  // that read ahead.
  OpenFile open_file;
  // Told of every read and every change of chunk, in the order in which they happen.
  std::function<void(const BigDataRead&)> on_read;
  // Where blocks come from; null: the default pool.
  MemoryPool* pool = nullptr;
};

class ALKAID_EXPORT BigDataReader {
 public:
  // The next batch of small data; nothing at the end.
  using BatchSource = std::function<Result<std::optional<EventBatch>>()>;

  struct Statistics {
    int64_t events = 0;
    // L1Accepts that were read from big data, and their bytes.
    int64_t dgrams = 0;
    int64_t dgram_bytes = 0;
    int64_t reads = 0;
    int64_t retries = 0;
    int64_t files_opened = 0;
  };

  // `paths` has the (first) big-data file of each stream; those of streams that use small data may
  // be empty. A file that cannot be opened fails as errno maps; options that make no sense are
  // kInvalidArgument.
  static Result<std::unique_ptr<BigDataReader>> Open(const std::vector<std::string>& paths,
                                                     BatchSource source,
                                                     BigDataReaderOptions options = {});
  // The events of a builder that tells no destinations apart (kInvalidArgument otherwise).
  static Result<std::unique_ptr<BigDataReader>> Open(const std::vector<std::string>& paths,
                                                     std::shared_ptr<EventBuilder> builder,
                                                     BigDataReaderOptions options = {});
  virtual ~BigDataReader() = default;
  BigDataReader(const BigDataReader&) = delete;
  BigDataReader& operator=(const BigDataReader&) = delete;

  // The next event; false at the end. Unless it is true, `event` has nothing to say.
  virtual Result<bool> Next(BigDataEvent* event) = 0;

  virtual int stream_count() const = 0;
  virtual const Statistics& statistics() const = 0;
  // How reads run ahead; kInline where nothing does.
  virtual io::ReadQueueKind queue_kind() const = 0;

 protected:
  BigDataReader() = default;
};

}  // namespace alkaid::events
