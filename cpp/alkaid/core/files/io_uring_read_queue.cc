// ReadQueueKind::kIoUring: reads in the kernel's queue, several at a time.
//
// A read of bytes in the page cache would be done at submission, on the caller's thread:
// IOSQE_ASYNC hands it to the kernel's own threads. After a short read the rest is requested from
// where it stopped, until nothing comes. A read that the ring refuses or fails is done by plain
// ReadAt when it is waited for, so that the error is the file's own. This includes reads whose
// submitting thread has ended, which the kernel cancels.
//
// ThreadSanitizer and AddressSanitizer do not see the kernel's writes, and find no errors in them.
// Only the caller's thread touches the ring.
#include <liburing.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "alkaid/base/file_descriptor_internal.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/core/files/file_io_internal.h"
#include "alkaid/core/files/read_queue_internal.h"

namespace alkaid::io::internal {
namespace {

// Completions that nobody waits for carry this; those of reads carry their slot.
constexpr uint64_t kNobody = ~uint64_t{0};

class IoUringReadQueue final : public SlottedReadQueue {
 public:
  // Files and buffers that the kernel may still use when it can no longer be asked; never freed.
  // There is a place for each slot: a broken ring gets no new reads.
  struct Abandoned {
    std::vector<ReadRequest> requests;
    Abandoned* next = nullptr;
  };

  static Result<std::unique_ptr<ReadQueue>> Make(int depth);
  ~IoUringReadQueue() override;

 private:
  enum class Stage {
    kInKernel,  // the kernel may write to the buffer
    kPlain,     // to be read, or read again, by ReadAt when waited for
    kThread,    // in `threads_`
    kDone,
  };
  struct Read {
    Stage stage = Stage::kDone;
    int64_t done = 0;    // bytes, kInKernel and kDone
    int64_t ticket = 0;  // of `threads_`
  };

  explicit IoUringReadQueue(int depth)
      : SlottedReadQueue(ReadQueueKind::kIoUring, depth), reads_(static_cast<size_t>(depth)) {
    abandoned_->requests.reserve(reads_.size());
  }

  void Start(int slot) override;
  ReadOutcome Finish(int slot) override;

  Read& ReadOf(int slot) { return reads_[static_cast<size_t>(slot)]; }
  void StartInThread(int slot);
  void Ask(int slot);
  void Complete(int slot, int result);
  bool TakeCompletions();
  bool Drain();

  std::vector<Read> reads_;
  std::unique_ptr<Abandoned> abandoned_ = std::make_unique<Abandoned>();
  std::unique_ptr<ReadQueue> threads_;  // for files without a descriptor; made when the first comes
  struct io_uring ring_ = {};
  bool has_ring_ = false;
  bool broken_ = false;
  bool draining_ = false;
};

// All that was abandoned, so that leak checkers find it.
constinit std::atomic<IoUringReadQueue::Abandoned*> all_abandoned{nullptr};

Result<std::unique_ptr<ReadQueue>> IoUringReadQueue::Make(int depth) {
  std::unique_ptr<IoUringReadQueue> queue(new IoUringReadQueue(depth));
  const int error = io_uring_queue_init(static_cast<unsigned>(depth), &queue->ring_, 0);
  if (error < 0) return status::IOError(-error, "io_uring: the kernel refuses a queue");
  queue->has_ring_ = true;
  const int ring = alkaid::internal::AboveStandardStreams(queue->ring_.ring_fd);
  queue->ring_.ring_fd = queue->ring_.enter_ring_fd = ring;
  if (ring < 0) return status::IOError(errno, "io_uring: no descriptor for a queue");
  io_uring_probe* const probe = io_uring_get_probe_ring(&queue->ring_);
  const bool reads = probe != nullptr && io_uring_opcode_supported(probe, IORING_OP_READ) != 0;
  io_uring_free_probe(probe);
  if (!reads)
    return status::NotImplemented("io_uring: this kernel's cannot read (Linux 5.6's can)");
  return std::unique_ptr<ReadQueue>(std::move(queue));
}

IoUringReadQueue::~IoUringReadQueue() {
  if (!has_ring_) return;
  // In a forked child the ring is the parent's: only this process's share of it is given up.
  if (!in_forked_child() && !Drain()) {
    for (int slot = 0; slot < depth(); ++slot) {
      if (ReadOf(slot).stage == Stage::kInKernel) abandoned_->requests.push_back(request(slot));
    }
  }
  io_uring_queue_exit(&ring_);
  if (abandoned_->requests.empty()) return;
  abandoned_->next = all_abandoned.load(std::memory_order_relaxed);
  while (!all_abandoned.compare_exchange_weak(abandoned_->next, abandoned_.get())) {
  }
  static_cast<void>(abandoned_.release());
}

void IoUringReadQueue::Start(int slot) {
  ReadOf(slot) = Read();
  const auto* const file = dynamic_cast<const ReadableFile*>(request(slot).file.get());
  if (file == nullptr) {
    StartInThread(slot);
  } else if (file->closed() || request(slot).nbytes == 0) {
    ReadOf(slot).stage = Stage::kPlain;
  } else {
    Ask(slot);
  }
}

void IoUringReadQueue::StartInThread(int slot) {
  if (threads_ == nullptr) threads_ = MakeThreadReadQueue(depth());
  const Result<int64_t> ticket = threads_->Submit(request(slot));
  ReadOf(slot).stage = ticket.ok() ? Stage::kThread : Stage::kPlain;
  ReadOf(slot).ticket = ticket.ok() ? *ticket : 0;
}

// Requests what the read still lacks from the kernel, or leaves all of it to ReadAt.
void IoUringReadQueue::Ask(int slot) {
  const ReadRequest& asked = request(slot);
  Read& read = ReadOf(slot);
  const int descriptor = static_cast<const ReadableFile&>(*asked.file).file_descriptor();
  io_uring_sqe* const entry = descriptor < 0 || broken_ ? nullptr : io_uring_get_sqe(&ring_);
  read.stage = Stage::kPlain;
  if (entry == nullptr) return;
  const int64_t count = std::min(asked.nbytes - read.done, kMaxTransfer);
  io_uring_prep_read(entry, descriptor, asked.buffer->mutable_data() + read.done,
                     static_cast<unsigned>(count),
                     static_cast<uint64_t>(asked.position + read.done));
  io_uring_sqe_set_flags(entry, IOSQE_ASYNC);
  io_uring_sqe_set_data64(entry, static_cast<uint64_t>(slot));
  while (io_uring_submit(&ring_) == -EINTR) {
  }
  // Entries are taken in order: if none is left, ours was taken.
  if (io_uring_sq_ready(&ring_) == 0) {
    read.stage = Stage::kInKernel;
    return;
  }
  // The entry stays in the ring and goes out with the next one, as a no-op.
  io_uring_prep_nop(entry);
  io_uring_sqe_set_data64(entry, kNobody);
}

void IoUringReadQueue::Complete(int slot, int result) {
  Read& read = ReadOf(slot);
  if (result < 0 || draining_) {
    read.stage = Stage::kPlain;
    return;
  }
  read.done += result;
  if (result == 0 || read.done == request(slot).nbytes) {
    read.stage = Stage::kDone;
  } else {
    Ask(slot);
  }
}

// Waits for one completion and takes it and all that follow it. Returns false if the kernel cannot
// be waited for.
bool IoUringReadQueue::TakeCompletions() {
  if (broken_) return false;
  io_uring_cqe* completion = nullptr;
  int error;
  do {
    error = io_uring_wait_cqe(&ring_, &completion);
  } while (error == -EINTR);
  // For good: a late completion must not count for the slot's next read.
  broken_ = error < 0;
  while (error == 0) {
    const uint64_t reader = io_uring_cqe_get_data64(completion);
    const int result = completion->res;
    io_uring_cqe_seen(&ring_, completion);
    if (reader != kNobody) Complete(static_cast<int>(reader), result);
    error = io_uring_peek_cqe(&ring_, &completion);
  }
  return !broken_;
}

ReadOutcome IoUringReadQueue::Finish(int slot) {
  while (ReadOf(slot).stage == Stage::kInKernel && TakeCompletions()) {
  }
  switch (ReadOf(slot).stage) {
    case Stage::kInKernel:
      break;
    case Stage::kPlain:
      return ReadNow(request(slot));
    case Stage::kThread:
      return threads_->Wait(ReadOf(slot).ticket);
    case Stage::kDone:
      return {ReadOf(slot).done, absl::OkStatus()};
  }
  abandoned_->requests.push_back(request(slot));
  ReadOf(slot).stage = Stage::kPlain;
  return {0, status::IOError(EIO, "io_uring: the kernel's queue cannot be waited for")};
}

// Cancels reads that have not begun and waits for the rest. Returns false if the kernel may still
// be writing.
bool IoUringReadQueue::Drain() {
  draining_ = true;
  for (int slot = 0; slot < depth(); ++slot) {
    if (ReadOf(slot).stage != Stage::kInKernel) continue;
    io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) break;
    io_uring_prep_cancel64(entry, static_cast<uint64_t>(slot), 0);
    io_uring_sqe_set_data64(entry, kNobody);
  }
  // If this fails there is only more to wait for.
  static_cast<void>(io_uring_submit(&ring_));
  for (int slot = 0; slot < depth(); ++slot) {
    while (ReadOf(slot).stage == Stage::kInKernel) {
      if (!TakeCompletions()) return false;
    }
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<ReadQueue>> MakeIoUringReadQueue(int depth) {
  return IoUringReadQueue::Make(depth);
}

}  // namespace alkaid::io::internal
