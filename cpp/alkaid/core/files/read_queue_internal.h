// What all kinds of ReadQueue share: tickets, the checks of a request, and the ownership of files
// and buffers.
//
// Ownership: requests are in slots that the base class owns. A kind refers to them by number and
// holds no reference to a file or buffer, so that releasing them never waits for a thread. Threads:
// as ReadQueue; other threads may read a slot between Start and Finish. Out of memory: as
// ReadQueue.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/core/files/read_queue.h"

namespace alkaid::io::internal {

class SlottedReadQueue : public ReadQueue {
 public:
  Result<int64_t> Submit(ReadRequest request) final;
  ReadOutcome Wait(int64_t ticket) final;
  int in_flight() const final { return in_flight_; }

 protected:
  SlottedReadQueue(ReadQueueKind kind, int depth);

  const ReadRequest& request(int slot) const { return slots_[static_cast<size_t>(slot)].request; }
  // Whether this is a forked child of the process that made the queue. The queue's background work
  // does not exist here, and what it shared with others must not be touched.
  bool in_forked_child() const { return alkaid::internal::ForkGeneration() != generation_; }

 private:
  struct Slot {
    int64_t ticket = 0;  // 0: free
    ReadRequest request;
  };

  // Begins the read of the slot's request, or records it. Fails only for lack of memory
  // (std::bad_alloc), before anything has begun.
  virtual void Start(int slot) = 0;
  // Waits until the read is done, and forgets it.
  virtual ReadOutcome Finish(int slot) = 0;
  Slot* Find(int64_t ticket);

  const uint64_t generation_;
  int64_t last_ticket_ = 0;
  int in_flight_ = 0;
  std::vector<Slot> slots_;
};

// Reads now, on this thread. A file of the program's own may throw std::bad_alloc; a worker must
// not.
ReadOutcome ReadNow(const ReadRequest& request);

std::unique_ptr<ReadQueue> MakeThreadReadQueue(int depth);
// Fails if the kernel refuses a ring.
Result<std::unique_ptr<ReadQueue>> MakeIoUringReadQueue(int depth);

}  // namespace alkaid::io::internal
