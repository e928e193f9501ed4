// BigDataPlan: which reads the events of small data take, and in which order.
//
// Goes over batches of small data ahead of the reader that gives out their events: puts the
// datagrams of each stream that lie behind each other into groups, and follows the chunks that are
// announced. What it finds wrong it notes at the event, to be told when that is reached.
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

// One file of a stream. Opened when it is first read.
struct BigDataFile {
  std::string path;
  uint32_t chunk_id = 0;
  std::shared_ptr<io::RandomAccessFile> file;
  // The same where it is still being written.
  std::unique_ptr<io::LiveFile> live = nullptr;
};

// Datagrams that lie behind each other, read at once.
struct BigDataGroup {
  int stream = 0;
  int64_t batch = 0;
  std::shared_ptr<BigDataFile> file;
  int64_t offset = 0;
  int64_t nbytes = 0;
  std::shared_ptr<const dgram::Configuration> configuration;
  // Whether its step was taken.
  bool begun = false;
  // Of the read: not in flight (-1), in flight, or done when the origin is there. Then `there`
  // bytes are, fewer than asked where the file ends too early, or where `failure` says that it
  // cannot be read on.
  int64_t ticket = -1;
  int64_t there = 0;
  Status failure;
  std::shared_ptr<Buffer> buffer;
  std::shared_ptr<const dgram::DgramOrigin> origin;
};

class ALKAID_EXPORT BigDataPlan {
 public:
  // A batch of small data, gone over.
  struct Batch {
    EventBatch events;
    // What was found at event `fault_at`, behind which nothing was gone over.
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

  // What is to be done in order: a read, or going on in a new file where there is no group.
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
    // Groups that are not used up; `at` bytes of the first were given out.
    std::deque<std::unique_ptr<BigDataGroup>> groups;
    int64_t at = 0;

    // `nbytes` more of the first group were given out.
    void Take(int64_t nbytes);
  };

  // `follow_chunks`: whether announcements of chunks are looked at. `on_fault`: whether a record
  // that cannot be followed ends the batch (kStop), or costs its event the datagram. One that is
  // larger than the limit does the latter with kResync alone, as everywhere.
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

  // Goes over one batch, and adds to the steps what it takes.
  Batch Add(const EventBatch& events);
  // Steps not begun, in order.
  std::deque<Step>& steps() { return steps_; }

  // The record of an L1Accept of that stream; none where the datagram stands in the small data
  // whole. kDataLoss where it should have one.
  Result<std::optional<SmdRecord>> RecordOf(int stream, const dgram::Dgram& dgram);

 private:
  // What a batch under way adds to, as it was.
  struct Mark {
    size_t groups;
    std::shared_ptr<BigDataFile> file;
  };
  void TakeBack(size_t steps) noexcept;

  Batch Plan(const EventBatch& events);
  Status PlanEvent(const Event& event, std::vector<Batch::LeftOut>* left_out);
  // Notes a datagram whose record cannot be followed, or answers why that ends the batch.
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
  // Of the event under way.
  std::vector<std::optional<SmdRecord>> records_;
  // Of each stream.
  std::vector<Mark> marks_;
  int64_t batches_planned_ = 0;
};

}  // namespace alkaid::events::internal
