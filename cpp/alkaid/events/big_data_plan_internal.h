// BigDataPlan: the reads that events of small data need, in order.
//
// Processes batches of small data ahead of the reader that delivers their events: groups the
// datagrams of each stream that are adjacent in its file, and follows announced chunks. A fault is
// recorded at its event, to be reported when that is reached.
//
// Ownership: owns its groups; shares files and batches. Threads: one at a time. Out of memory:
// std::bad_alloc, and the plan is as it was.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/core/files/live_file.h"
#include "alkaid/dgram/fault_policy.h"
#include "alkaid/events/event_batch.h"
#include "alkaid/events/smd_record.h"

namespace alkaid::events::internal {

// One file of a stream. It is opened when it is first read.
struct BigDataFile {
  std::string path;
  uint32_t chunk_id = 0;
  std::shared_ptr<io::RandomAccessFile> file;
  // Used instead where the file is still being written.
  std::unique_ptr<io::LiveFile> live = nullptr;
};

// Adjacent datagrams, read at once.
struct BigDataGroup {
  int stream = 0;
  int64_t batch = 0;
  std::shared_ptr<BigDataFile> file;
  int64_t offset = 0;
  int64_t nbytes = 0;
  std::shared_ptr<const dgram::Configuration> configuration;
  // Whether its step was begun.
  bool begun = false;
  // The state of the read: not in flight (-1), in flight, or done once the origin is set. Then
  // `there` bytes are read, fewer than asked where the file ends too early, or where `failure` says
  // why it cannot be read on.
  int64_t ticket = -1;
  int64_t there = 0;
  Status failure;
  std::shared_ptr<Buffer> buffer;
  std::shared_ptr<const dgram::DgramOrigin> origin;
};

class ALKAID_EXPORT BigDataPlan {
 public:
  // A batch of small data that was planned.
  struct Batch {
    EventBatch events;
    // The fault at event `fault_at`, after which nothing was planned.
    int64_t fault_at = -1;
    Status fault;
    // Datagrams whose records cannot be followed, by event and stream; only where reading goes on
    // after faults.
    struct LeftOut {
      int64_t event;
      int stream;
      Status fault;
    };
    std::vector<LeftOut> left_out;

    // The fault of such a datagram, or null.
    const Status* FaultOf(int64_t event, int stream) const;
    bool IsThrough(int64_t next_event) const {
      return next_event == events.size() && next_event != fault_at;
    }
  };

  // The next thing to do: a read, or without a group a change to a new file.
  struct Step {
    BigDataGroup* group = nullptr;
    int stream = 0;
    int64_t batch = 0;
    std::shared_ptr<BigDataFile> chunk;
  };

  struct ALKAID_EXPORT Stream {
    bool small_data = false;
    std::shared_ptr<BigDataFile> file;
    std::optional<SmdInfo> info;
    // The group that the next datagram may join; null after a transition.
    BigDataGroup* open = nullptr;
    // Groups with datagrams left; `at` bytes of the first were given out.
    std::deque<std::unique_ptr<BigDataGroup>> groups;
    int64_t at = 0;

    // Records that `nbytes` more of the first group were given out.
    void Take(int64_t nbytes);
  };

  // `follow_chunks`: whether announcements of chunks are followed. `on_fault`: whether a record
  // that cannot be followed ends the batch (kStop), or only costs its event the datagram. A record
  // larger than the limit does the latter only with kResync, as everywhere.
  BigDataPlan(int64_t chunk_bytes, int64_t max_dgram_bytes, bool follow_chunks = true,
              dgram::OnFault on_fault = dgram::OnFault::kStop)
      : chunk_bytes_(chunk_bytes),
        max_dgram_bytes_(max_dgram_bytes),
        follow_chunks_(follow_chunks),
        on_fault_(on_fault) {}

  // `file` null: the stream's small data are used as they are.
  void AddStream(std::shared_ptr<BigDataFile> file);
  std::deque<Stream>& streams() { return streams_; }
  int stream_count() const { return static_cast<int>(streams_.size()); }

  // Plans one batch and adds its steps.
  Batch Add(const EventBatch& events);
  // Steps that are not begun, in order.
  std::deque<Step>& steps() { return steps_; }

  // The record of an L1Accept of that stream; none where the small data have the whole datagram.
  // kDataLoss where a record is missing.
  Result<std::optional<SmdRecord>> RecordOf(int stream, const dgram::Dgram& dgram);

 private:
  // The state before the current batch, to return to.
  struct Mark {
    size_t groups;
    std::shared_ptr<BigDataFile> file;
  };
  void TakeBack(size_t steps) noexcept;

  Batch Plan(const EventBatch& events);
  Status PlanEvent(const Event& event, std::vector<Batch::LeftOut>* left_out);
  // Records a datagram whose record cannot be followed, or returns why that ends the batch.
  Status LeaveOut(Status fault, const Event& event, int stream, const dgram::Dgram& dgram,
                  std::vector<Batch::LeftOut>* left_out) const;
  Status PlanTransition(const Event& event);
  void PlanDgram(int stream, const SmdRecord& record,
                 const std::shared_ptr<const dgram::Configuration>& configuration);

  const int64_t chunk_bytes_;
  const int64_t max_dgram_bytes_;
  const bool follow_chunks_;
  const dgram::OnFault on_fault_;
  std::deque<Stream> streams_;
  std::deque<Step> steps_;
  // Of the current event.
  std::vector<std::optional<SmdRecord>> records_;
  // One for each stream.
  std::vector<Mark> marks_;
  int64_t batches_planned_ = 0;
};

}  // namespace alkaid::events::internal
