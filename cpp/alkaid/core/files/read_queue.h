// Reads that run ahead: whole reads of files into buffers that the caller gives, done in the
// background while the caller works on what it has.
//
// Reads begin in the order of submission, a few at a time, and end in any. At most depth() are in
// flight, which is: submitted and not yet waited for. Each gives what RandomAccessFile::ReadAt
// would give, short reads and interrupts being seen to; the kinds differ in speed alone.
//
// Ownership: a queue holds the file and the buffer of a read from Submit until Wait has answered
// for it. The destructor drops reads that have not begun, waits for those that have, and lets go of
// all: nothing writes to a buffer afterwards. Threads: one at a time per queue, which need not be
// the same one. Meanwhile the buffers of reads in flight are the queue's, and their files must
// allow ReadAt from another thread and not be closed. Fork: a child may only destroy the queue that
// it was born with; Submit and Wait are kFailedPrecondition there.
// Out of memory: kResourceExhausted from Make and Submit, and as the outcome where a file says so.
#pragma once

#include <cstdint>
#include <memory>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/io_interfaces.h"

namespace alkaid::io {

enum class ReadQueueKind {
  kAutomatic,  // io_uring where the kernel grants it, else threads; or as ALKAID_READ_QUEUE says
  kIoUring,    // the kernel's own queue, for a ReadableFile; other files are read by threads
  kThreads,    // one or two threads of the queue's own, started when there is something to read
  kInline,     // nothing runs ahead: Wait reads
};

// "automatic", "io_uring", "threads" or "inline", as in ALKAID_READ_QUEUE.
ALKAID_EXPORT const char* ToString(ReadQueueKind kind);

// Whether this build has kIoUring queues at all; a matter of ALKAID_WITH_IO_URING.
ALKAID_EXPORT bool IoUringIsBuiltIn();
// OK where a kIoUring queue can be made; else why not: this build is without it (kUnimplemented),
// or the kernel refuses it (as errno maps).
ALKAID_EXPORT Status CheckIoUring();

struct ReadRequest {
  std::shared_ptr<RandomAccessFile> file;
  int64_t position = 0;
  int64_t nbytes = 0;
  // Host memory that may be written, at least `nbytes` of it. Its size is not changed.
  std::shared_ptr<Buffer> buffer;
};

struct ReadOutcome {
  int64_t nbytes = 0;  // read; fewer than asked only at the end of the file, none on failure
  Status status;
};

class ALKAID_EXPORT ReadQueue {
 public:
  // Reads in flight that a queue can be made for.
  static constexpr int kLargestDepth = 1024;

  // kInvalidArgument for a depth outside [1, kLargestDepth], and for kAutomatic when
  // ALKAID_READ_QUEUE names no kind. kIoUring, asked for here or by the variable, fails where
  // CheckIoUring does.
  static Result<std::unique_ptr<ReadQueue>> Make(ReadQueueKind kind, int depth);
  virtual ~ReadQueue();
  ReadQueue(const ReadQueue&) = delete;
  ReadQueue& operator=(const ReadQueue&) = delete;

  // Answers a ticket for Wait; tickets count up. kResourceExhausted when depth() reads are in
  // flight. A request that makes no sense (no file, a negative count, a buffer too small) is
  // refused here; what the file has to say, "closed" included, comes with the outcome. After a
  // failure nothing is in flight that was not before.
  virtual Result<int64_t> Submit(ReadRequest request) = 0;
  // Waits for that read. Each ticket is good once, in any order; else the outcome is kNotFound.
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
