#include "alkaid/core/files/read_queue.h"

#include <new>
#include <string>
#include <utility>

#include "alkaid/base/environment.h"
#include "alkaid/core/buffers/io_checks_internal.h"
#include "alkaid/core/files/read_queue_internal.h"

namespace alkaid::io {
namespace internal {
namespace {

constexpr char kWhere[] = "read queue";

Status CheckRequest(const ReadRequest& request) {
  if (request.file == nullptr) return status::Invalid(kWhere, ": the request has no file");
  ALKAID_RETURN_NOT_OK(CheckRange(kWhere, request.position, request.nbytes));
  if (request.buffer == nullptr) return status::Invalid(kWhere, ": the request has no buffer");
  if (request.buffer->size() < request.nbytes) {
    return status::Invalid(kWhere, ": a read of ", request.nbytes, " bytes into a buffer of ",
                           request.buffer->size());
  }
  if (request.nbytes > 0 && request.buffer->mutable_data() == nullptr) {
    return status::Invalid(kWhere, ": a read into a buffer that the CPU cannot write");
  }
  return absl::OkStatus();
}

Status AfterFork() {
  return status::FailedPrecondition(kWhere, ": made before a fork, in the parent process");
}

// The kind that the others are tested against.
class InlineReadQueue final : public SlottedReadQueue {
 public:
  explicit InlineReadQueue(int depth) : SlottedReadQueue(ReadQueueKind::kInline, depth) {}

 private:
  void Start(int) override {}
  ReadOutcome Finish(int slot) override { return ReadNow(request(slot)); }
};

}  // namespace

SlottedReadQueue::SlottedReadQueue(ReadQueueKind kind, int depth)
    : ReadQueue(kind, depth),
      generation_(alkaid::internal::ForkGeneration()),
      slots_(static_cast<size_t>(depth)) {}

// A queue is a few slots deep: a search costs less than an index.
SlottedReadQueue::Slot* SlottedReadQueue::Find(int64_t ticket) {
  for (Slot& slot : slots_) {
    if (slot.ticket == ticket) return &slot;
  }
  return nullptr;
}

Result<int64_t> SlottedReadQueue::Submit(ReadRequest request) {
  if (in_forked_child()) return AfterFork();
  ALKAID_RETURN_NOT_OK(CheckRequest(request));
  Slot* const slot = Find(0);
  if (slot == nullptr) {
    return status::OutOfMemory(kWhere, ": ", in_flight_, " reads are in flight, the depth is ",
                               depth());
  }
  slot->request = std::move(request);
  try {
    Start(static_cast<int>(slot - slots_.data()));
  } catch (const std::bad_alloc&) {
    *slot = Slot();
    return status::NoMemory();
  }
  slot->ticket = ++last_ticket_;
  ++in_flight_;
  return slot->ticket;
}

ReadOutcome SlottedReadQueue::Wait(int64_t ticket) {
  if (in_forked_child()) return {0, AfterFork()};
  Slot* const slot = ticket > 0 ? Find(ticket) : nullptr;
  if (slot == nullptr) {
    return {0, status::KeyError(kWhere, ": no read with ticket ", ticket, " is in flight, the last",
                                " one given is ", last_ticket_)};
  }
  ReadOutcome outcome = Finish(static_cast<int>(slot - slots_.data()));
  *slot = Slot();
  --in_flight_;
  return outcome;
}

ReadOutcome ReadNow(const ReadRequest& request) {
  try {
    const Result<int64_t> read =
        request.file->ReadAt(request.position, request.nbytes, request.buffer->mutable_data());
    if (!read.ok()) return {0, read.status()};
    return {*read, absl::OkStatus()};
  } catch (const std::bad_alloc&) {
    return {0, status::NoMemory()};
  }
}

#if !ALKAID_HAVE_IO_URING
Result<std::unique_ptr<ReadQueue>> MakeIoUringReadQueue(int) {
  return status::NotImplemented("io_uring: Alkaid was built without it (ALKAID_WITH_IO_URING)");
}
#endif

}  // namespace internal

namespace {

using alkaid::internal::GetEnvironment;
using alkaid::internal::kReadQueueVariable;

Result<ReadQueueKind> KindFromEnvironment() {
  const std::string asked = GetEnvironment(kReadQueueVariable);
  if (asked.empty()) return ReadQueueKind::kAutomatic;
  for (const ReadQueueKind kind :
       {ReadQueueKind::kIoUring, ReadQueueKind::kThreads, ReadQueueKind::kInline}) {
    if (asked == ToString(kind)) return kind;
  }
  return status::Invalid(kReadQueueVariable, "=", asked,
                         " is not a kind of read queue; use io_uring, threads or inline");
}

Result<std::unique_ptr<ReadQueue>> MakeAutomatic(int depth) {
  ALKAID_ASSIGN_OR_RAISE(const ReadQueueKind asked, KindFromEnvironment());
  if (asked != ReadQueueKind::kAutomatic) {
    auto queue = ReadQueue::Make(asked, depth);
    if (queue.ok()) return queue;
    return Status(queue.status().code(), absl::StrCat(kReadQueueVariable, "=", ToString(asked),
                                                      ": ", queue.status().message()));
  }
  auto queue = internal::MakeIoUringReadQueue(depth);
  if (queue.ok()) return queue;
  return internal::MakeThreadReadQueue(depth);
}

}  // namespace

ReadQueue::~ReadQueue() = default;

const char* ToString(ReadQueueKind kind) {
  switch (kind) {
    case ReadQueueKind::kAutomatic:
      return "automatic";
    case ReadQueueKind::kIoUring:
      return "io_uring";
    case ReadQueueKind::kThreads:
      return "threads";
    case ReadQueueKind::kInline:
      return "inline";
  }
  return "unknown";
}

bool IoUringIsBuiltIn() { return ALKAID_HAVE_IO_URING; }

Status CheckIoUring() { return ReadQueue::Make(ReadQueueKind::kIoUring, 1).status(); }

Result<std::unique_ptr<ReadQueue>> ReadQueue::Make(ReadQueueKind kind, int depth) try {
  if (depth < 1 || depth > kMaxDepth) {
    return status::Invalid("read queue: a depth of ", depth, ", it takes 1 to ", kMaxDepth);
  }
  switch (kind) {
    case ReadQueueKind::kAutomatic:
      return MakeAutomatic(depth);
    case ReadQueueKind::kIoUring:
      return internal::MakeIoUringReadQueue(depth);
    case ReadQueueKind::kThreads:
      return internal::MakeThreadReadQueue(depth);
    case ReadQueueKind::kInline:
      return std::unique_ptr<ReadQueue>(new internal::InlineReadQueue(depth));
  }
  return status::Invalid("read queue: unknown kind ", static_cast<int>(kind));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::io
