// BigDataGroupReads: the reads of groups, in flight and finished.
//
// A read that the end of its file cuts short is tried again, or waits for the rest. Of a read that
// fails, what could be read is kept.
//
// Ownership: borrows the options and the statistics; owns the queue and the blocks that no group
// has. Threads: one at a time. Out of memory: kResourceExhausted or std::bad_alloc; Finish then
// reads the group again at the next call, after Submit.
#pragma once

#include <cstdint>
#include <memory>

#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/core/files/read_queue.h"
#include "alkaid/dgram/block_recycler.h"
#include "alkaid/events/big_data_plan_internal.h"
#include "alkaid/events/big_data_reader.h"

namespace alkaid::events::internal {

class BigDataGroupReads {
 public:
  BigDataGroupReads(const BigDataReaderOptions& options, BigDataReader::Statistics* statistics);
  ~BigDataGroupReads();
  BigDataGroupReads(const BigDataGroupReads&) = delete;
  BigDataGroupReads& operator=(const BigDataGroupReads&) = delete;

  // Makes the queue; before all other calls.
  Status Start();
  // In a child of the process that made the queue: leaves it to the parent.
  Status OwnQueue(BigDataPlan* plan);
  // Begins the read of a group whose file is open.
  Status Submit(BigDataGroup* group);
  // Waits for the read, and gives the group its origin.
  Status Finish(BigDataGroup* group);

  int in_flight() const { return queue_->in_flight(); }
  io::ReadQueueKind kind() const { return queue_->kind(); }

 private:
  // Keeps what could be read of a group whose read failed; returns `failure` where that is nothing.
  static Status Salvage(BigDataGroup* group, uint8_t* bytes, Status failure);
  // Retries the rest of a short read, or waits for it.
  Status ReadRest(BigDataGroup* group, uint8_t* bytes);
  Status WaitForRest(BigDataGroup* group, uint8_t* bytes);

  const BigDataReaderOptions& options_;
  BigDataReader::Statistics* const statistics_;
  uint64_t generation_ = alkaid::internal::ForkGeneration();  // of the process that made the queue
  const std::shared_ptr<dgram::BlockRecycler> recycler_;
  std::unique_ptr<io::ReadQueue> queue_;
};

}  // namespace alkaid::events::internal
