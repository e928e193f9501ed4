// ReadQueue: reads ahead. It reads from files into buffers that the caller provides, in the
// background, while the caller works on earlier data.
//
// Reads begin in the order of submission, a few at a time, and end in any order. At most depth()
// reads are in flight: submitted and not yet waited for. Each returns what RandomAccessFile::ReadAt
// would; short reads and interrupts are handled. The kinds differ only in speed.
//
// Ownership: a queue holds a read's file and buffer from Submit until Wait returns its outcome. The
// destructor drops reads that have not begun, waits for the others, and releases everything:
// nothing writes to a buffer afterwards.
// Threads: one at a time per queue, not always the same one. The buffers of reads in flight belong
// to the queue; their files must allow ReadAt from another thread and must not be closed.
// Fork: a child may only destroy a queue of its parent; Submit and Wait are kFailedPrecondition
// there.
// Out of memory: kResourceExhausted from Make and Submit, and as an outcome if a file reports it.
#pragma once

#include <cstdint>
#include <memory>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/io_interfaces.h"

namespace alkaid::io {

enum class ReadQueueKind {
  kAutomatic,  // io_uring if the kernel grants it, else threads; or as ALKAID_READ_QUEUE says
  kIoUring,    // the kernel's own queue, for a ReadableFile; other files are read by threads
  kThreads,    // one or two threads of the queue's own, started at the first read
  kInline,     // nothing runs ahead: Wait reads
};

// "automatic", "io_uring", "threads" or "inline", as in ALKAID_READ_QUEUE.
ALKAID_EXPORT const char* ToString(ReadQueueKind kind);

// Whether this build has kIoUring queues at all (ALKAID_WITH_IO_URING).
ALKAID_EXPORT bool IoUringIsBuiltIn();
// OK if a kIoUring queue can be made. Else the reason: this build has none (kUnimplemented), or the
// kernel refuses it (as errno maps).
ALKAID_EXPORT Status CheckIoUring();

struct ReadRequest {
  std::shared_ptr<RandomAccessFile> file;
  int64_t position = 0;
  int64_t nbytes = 0;
  // Writable host memory, at least `nbytes` of it. Its size does not change.
  std::shared_ptr<Buffer> buffer;
};

struct ReadOutcome {
  int64_t nbytes = 0;  // read; fewer than asked only at the end of the file, none on failure
  Status status;
};

class ALKAID_EXPORT ReadQueue {
 public:
  // The most reads in flight that a queue can be made for.
  static constexpr int kMaxDepth = 1024;

  // kInvalidArgument for a depth outside [1, kMaxDepth], and for kAutomatic if
  // ALKAID_READ_QUEUE names no kind. kIoUring, requested here or by the variable, fails if
  // CheckIoUring does.
  static Result<std::unique_ptr<ReadQueue>> Make(ReadQueueKind kind, int depth);
  virtual ~ReadQueue();
  ReadQueue(const ReadQueue&) = delete;
  ReadQueue& operator=(const ReadQueue&) = delete;

  // Returns a ticket for Wait; tickets count up. kResourceExhausted when depth() reads are in
  // flight. An invalid request (no file, a negative count, a buffer too small) is refused here;
  // errors of the file, including a closed one, come with the outcome. A failed Submit changes
  // nothing.
  virtual Result<int64_t> Submit(ReadRequest request) = 0;
  // Waits for that read. Tickets may be used in any order, each one once; otherwise the outcome is
  // kNotFound.
  virtual ReadOutcome Wait(int64_t ticket) = 0;

  // What this queue is; never kAutomatic.
  ReadQueueKind kind() const { return kind_; }
  int depth() const { return depth_; }
  // Reads submitted and not yet waited for.
  virtual int in_flight() const = 0;

 protected:
  ReadQueue(ReadQueueKind kind, int depth) : kind_(kind), depth_(depth) {}

 private:
  const ReadQueueKind kind_;
  const int depth_;
};

}  // namespace alkaid::io
