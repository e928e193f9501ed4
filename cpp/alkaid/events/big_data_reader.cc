#include "alkaid/events/big_data_reader.h"

#include <algorithm>
#include <deque>
#include <new>
#include <utility>

#include "alkaid/core/files/live_file.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/events/big_data_dgram_internal.h"
#include "alkaid/events/big_data_files_internal.h"
#include "alkaid/events/big_data_group_reads_internal.h"
#include "alkaid/events/big_data_plan_internal.h"
#include "alkaid/events/chunk_info.h"

namespace alkaid::events {

namespace internal {

using dgram::Dgram;
using Group = BigDataGroup;
using Missing = io::LiveFile::Missing;
using Step = BigDataPlan::Step;
using Stream = BigDataPlan::Stream;

// The only kind of BigDataReader.
class GroupReader final : public BigDataReader {
 public:
  GroupReader(BatchSource source, BigDataReaderOptions options);
  Status Init(const std::vector<std::string>& paths);

  Result<bool> Next(BigDataEvent* event) override;
  int stream_count() const override { return plan_.stream_count(); }
  const Statistics& statistics() const override { return statistics_; }
  io::ReadQueueKind queue_kind() const override { return reads_.kind(); }

 private:
  Result<bool> NextEvent(BigDataEvent* event);
  // Plans the next batch of small data: false at the end.
  Result<bool> Plan();

  // Keeps `prefetch` reads in flight.
  void ReadAhead();
  Status TryToReadAhead();
  // Begins a read or a change of chunk: the next planned step, or again one whose read failed.
  Status Begin(const Step& step, Missing missing);
  // Waits for the group that the stream needs now.
  Status Load(Group* group);
  // Reports that the datagram at the cursor is left out.
  void Skip(const Stream& stream, const SmdRecord& record, dgram::Timestamp timestamp,
            const Status& fault) const;
  // The same for a datagram whose record cannot be followed.
  void SkipRecord(const Dgram& small_data, const Status& fault) const;
  Status Fill(const Event& small_data, BigDataEvent* event);
  // After the last event: returns false, once every announced chunk is known to exist.
  Result<bool> End();

  const BatchSource source_;
  const BigDataReaderOptions options_;
  BigDataPlan plan_;
  Statistics statistics_;
  BigDataFiles files_;
  BigDataGroupReads reads_;
  // Planned batches; the first is being given out, from event next_event_ on.
  std::deque<BigDataPlan::Batch> batches_;
  int64_t next_event_ = 0;
  int64_t batches_given_ = 0;
  // The last batch of the source, if it is not planned yet for want of memory.
  std::optional<Result<std::optional<EventBatch>>> given_;
  bool source_ended_ = false;
  // Whether the program stopped it during a wait.
  bool stopped_ = false;
  // Bytes that the current event takes of each stream's group.
  std::vector<int64_t> taken_;
  Status fault_;
};

GroupReader::GroupReader(BatchSource source, BigDataReaderOptions options)
    : source_(std::move(source)),
      options_(std::move(options)),
      plan_(options_.chunk_bytes, options_.max_dgram_bytes, options_.follow_chunks,
            options_.on_fault),
      files_(options_, &statistics_),
      reads_(options_, &statistics_) {}

Status GroupReader::Init(const std::vector<std::string>& paths) {
  ALKAID_RETURN_NOT_OK(reads_.Start());
  for (size_t i = 0; i < paths.size(); ++i) {
    std::shared_ptr<BigDataFile> file;
    if (options_.use_small_data.empty() || !options_.use_small_data[i]) {
      file = std::make_shared<BigDataFile>(
          BigDataFile{paths[i], ChunkInfo::ChunkIdOf(paths[i]), nullptr});
      ALKAID_RETURN_NOT_OK(files_.Open(file.get(), Missing::kFail));
    }
    plan_.AddStream(std::move(file));
  }
  return absl::OkStatus();
}

Result<bool> GroupReader::End() {
  // All reads are done: chunks without an L1Accept are left.
  while (!plan_.steps().empty()) {
    ALKAID_RETURN_NOT_OK(Begin(plan_.steps().front(), Missing::kWait));
  }
  const Status opened = files_.OpenAnnounced();
  stopped_ = files_.IsStop(opened);
  if (!stopped_) ALKAID_RETURN_NOT_OK(opened);
  return false;
}

Result<bool> GroupReader::Plan() {
  if (source_ended_) return false;
  if (!given_.has_value()) {
    Result<std::optional<EventBatch>> events = source_();
    // A fault of the small data follows what was planned; any other failure may pass.
    if (!events.ok() && events.status().code() != StatusCode::kDataLoss) return events.status();
    given_.emplace(std::move(events));
  }
  const Result<std::optional<EventBatch>>& events = *given_;
  if (!events.ok()) {
    batches_.push_back({EventBatch(), 0, events.status(), {}});
  } else if (events->has_value()) {
    batches_.emplace_back();
    try {
      batches_.back() = plan_.Add(**events);
    } catch (...) {
      batches_.pop_back();
      throw;
    }
  }
  const bool is_end = events.ok() && !events->has_value();
  source_ended_ = is_end || !batches_.back().fault.ok();
  given_.reset();
  return !is_end;
}

Status GroupReader::Begin(const Step& step, Missing missing) {
  // Anything that may fail comes before the read.
  std::optional<BigDataRead> told;
  if (options_.on_read) {
    told.emplace();
    told->batch = step.batch;
    told->stream = step.stream;
    told->path = step.group == nullptr ? step.chunk->path : step.group->file->path;
    if (step.group == nullptr) {
      told->kind = BigDataRead::Kind::kOpenChunk;
      told->chunk_id = step.chunk->chunk_id;
    } else {
      told->offset = step.group->offset;
      told->nbytes = step.group->nbytes;
    }
  }
  if (step.group != nullptr) {
    ALKAID_RETURN_NOT_OK(files_.Open(step.group->file.get(), missing));
    ALKAID_RETURN_NOT_OK(reads_.Submit(step.group));
  } else {
    files_.Announce(step.chunk);
  }
  const bool is_next = step.group == nullptr || !std::exchange(step.group->begun, true);
  if (is_next) plan_.steps().pop_front();
  if (told.has_value()) options_.on_read(*told);
  return absl::OkStatus();
}

// A failure while reading ahead is ignored: the read is repeated when it is needed, and reported
// then.
void GroupReader::ReadAhead() try {
  TryToReadAhead().IgnoreError();
} catch (const std::bad_alloc&) {
}

Status GroupReader::TryToReadAhead() {
  const auto most_batches = static_cast<size_t>(options_.prefetch) + 2;
  while (reads_.in_flight() < options_.prefetch) {
    if (!plan_.steps().empty()) {
      ALKAID_RETURN_NOT_OK(Begin(plan_.steps().front(), Missing::kFail));
      continue;
    }
    // These events would have to wait for small data that are still to be written.
    if (batches_.size() >= most_batches || options_.live != nullptr) break;
    ALKAID_ASSIGN_OR_RAISE(const bool more, Plan());
    if (!more) break;
  }
  return absl::OkStatus();
}

Status GroupReader::Load(Group* group) {
  if (group->origin != nullptr) return absl::OkStatus();
  ALKAID_RETURN_NOT_OK(reads_.OwnQueue(&plan_));
  // Steps are in the order of need: all before this one were needed earlier.
  while (!group->begun) {
    ALKAID_RETURN_NOT_OK(Begin(plan_.steps().front(), Missing::kWait));
  }
  // It was begun and failed.
  if (group->ticket < 0) {
    ALKAID_RETURN_NOT_OK(Begin({group, group->stream, group->batch, nullptr}, Missing::kWait));
  }
  ReadAhead();
  ALKAID_RETURN_NOT_OK(reads_.Finish(group));
  ReadAhead();
  return absl::OkStatus();
}

void GroupReader::Skip(const Stream& stream, const SmdRecord& record, dgram::Timestamp timestamp,
                       const Status& fault) const {
  if (!options_.on_skip) return;
  const Group& group = *stream.groups.front();
  options_.on_skip({group.file->path, group.offset + stream.at, record.size, statistics_.events,
                    timestamp, std::nullopt, alkaid::internal::MessageOf(fault)});
}

void GroupReader::SkipRecord(const Dgram& small_data, const Status& fault) const {
  if (!options_.on_skip) return;
  const int64_t byte = dgram::internal::SourceByteOf(small_data);
  options_.on_skip({small_data.source(), byte >= 0 ? byte : small_data.offset(), small_data.size(),
                    statistics_.events, small_data.timestamp(), std::nullopt,
                    alkaid::internal::MessageOf(fault)});
}

Status GroupReader::Fill(const Event& small_data, BigDataEvent* event) {
  const dgram::Timestamp timestamp = small_data.timestamp();
  event->dgrams_.resize(static_cast<size_t>(plan_.stream_count()));
  for (Dgram& dgram : event->dgrams_) dgram = Dgram();
  Status status;
  taken_.assign(static_cast<size_t>(plan_.stream_count()), 0);
  const bool l1_accept = small_data.is_l1_accept();
  const bool goes_on = options_.on_fault != dgram::OnFault::kStop;
  small_data.ForEachDgram([&](int index, Dgram dgram) {
    if (!status.ok()) return;
    const Stream& stream = plan_.streams()[static_cast<size_t>(index)];
    Dgram& place = event->dgrams_[static_cast<size_t>(index)];
    if (!l1_accept || stream.small_data) {
      place = std::move(dgram);
      return;
    }
    if (goes_on) [[unlikely]] {
      const Status* const left_out = batches_.front().FaultOf(next_event_, index);
      if (left_out != nullptr) return SkipRecord(dgram, *left_out);
    }
    const Result<std::optional<SmdRecord>> record = plan_.RecordOf(index, dgram);
    if (!record.ok()) {
      status = record.status();
    } else if (!record->has_value()) {
      place = std::move(dgram);
    } else {
      status = Load(stream.groups.front().get());
      if (!status.ok()) return;
      Result<Dgram> found = FindDgram(*stream.groups.front(), stream.at, **record, timestamp,
                                      statistics_.events, options_);
      status = found.status();
      if (goes_on && status.ok()) status = dgram::CheckDgram(*found);
      if (goes_on && status.code() == StatusCode::kDataLoss) {
        Skip(stream, **record, timestamp, status);
        status = absl::OkStatus();
        taken_[static_cast<size_t>(index)] = (*record)->size;
        return;
      }
      if (!status.ok()) {
        // A file that could not be read may be readable at the next call.
        if (status.code() != StatusCode::kDataLoss) stream.groups.front()->origin = nullptr;
        return;
      }
      place = *std::move(found);
      taken_[static_cast<size_t>(index)] = (*record)->size;
    }
  });
  ALKAID_RETURN_NOT_OK(status);

  // Nothing can fail from here on.
  for (size_t i = 0; i < taken_.size(); ++i) {
    if (taken_[i] == 0) continue;
    plan_.streams()[i].Take(taken_[i]);
    if (!event->has(static_cast<int>(i))) continue;
    ++statistics_.dgrams;
    statistics_.dgram_bytes += taken_[i];
  }
  return absl::OkStatus();
}

Result<bool> GroupReader::Next(BigDataEvent* event) try {
  return NextEvent(event);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<bool> GroupReader::NextEvent(BigDataEvent* event) {
  if (!fault_.ok()) return fault_;
  if (stopped_) return false;
  while (batches_.empty() || batches_.front().IsThrough(next_event_)) {
    if (!batches_.empty()) {
      // Chunks that were announced after the batch's last read: no other step of it is left.
      while (!plan_.steps().empty() && plan_.steps().front().batch == batches_given_) {
        ALKAID_RETURN_NOT_OK(Begin(plan_.steps().front(), Missing::kWait));
      }
      batches_.pop_front();
      ++batches_given_;
      next_event_ = 0;
      continue;
    }
    ALKAID_ASSIGN_OR_RAISE(const bool more, Plan());
    if (!more) return End();
  }
  const BigDataPlan::Batch& batch = batches_.front();
  Event small_data;
  Status status = batch.fault;
  if (next_event_ != batch.fault_at) {
    small_data = batch.events.event(next_event_);
    status = Fill(small_data, event);
  }
  if (!status.ok()) {
    if (status.code() == StatusCode::kDataLoss) fault_ = status;
    stopped_ = files_.IsStop(status);
    if (stopped_) return false;
    return status;
  }
  event->small_data_ = std::move(small_data);
  event->index_ = statistics_.events++;
  event->batch_ = batches_given_;
  ++next_event_;
  return true;
}

}  // namespace internal

Result<std::unique_ptr<BigDataReader>> BigDataReader::Open(const std::vector<std::string>& paths,
                                                           BatchSource source,
                                                           BigDataReaderOptions options) try {
  if (paths.empty() || !source) return status::Invalid("big data of no stream, or no source");
  if (options.max_dgram_bytes < dgram::kDgramHeaderBytes) {
    return status::Invalid("datagrams of at most ", options.max_dgram_bytes,
                           " bytes, the least has ", dgram::kDgramHeaderBytes);
  }
  if (options.chunk_bytes < 1 || options.prefetch < 0 || options.max_retries < 0 ||
      options.prefetch > io::ReadQueue::kMaxDepth - 1) {
    return status::Invalid("groups of ", options.chunk_bytes, " bytes, ", options.prefetch,
                           " read ahead, ", options.max_retries,
                           " retries; the least are 1, 0 and 0, and at most ",
                           io::ReadQueue::kMaxDepth - 1, " are read ahead");
  }
  if (options.live != nullptr && options.open_file) {
    return status::Invalid("files that are still being written are opened by the reader itself");
  }
  if (options.live != nullptr && options.on_fault != dgram::OnFault::kStop) {
    return status::Invalid(
        "going on after a fault takes files that are complete, not ones still being written");
  }
  if (!options.use_small_data.empty() && options.use_small_data.size() != paths.size()) {
    return status::Invalid("small data chosen for ", options.use_small_data.size(),
                           " streams, there are ", paths.size());
  }
  auto made = std::make_unique<internal::GroupReader>(std::move(source), std::move(options));
  ALKAID_RETURN_NOT_OK(made->Init(paths));
  return made;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::unique_ptr<BigDataReader>> BigDataReader::Open(const std::vector<std::string>& paths,
                                                           std::shared_ptr<EventBuilder> builder,
                                                           BigDataReaderOptions options) try {
  if (builder == nullptr) return status::Invalid("big data need an event builder, not null");
  if (builder->has_destinations()) {
    return status::Invalid("big data are read for one destination; this builder has several");
  }
  if (builder->stream_count() != static_cast<int>(paths.size())) {
    return status::Invalid(paths.size(), " files of big data for events of ",
                           builder->stream_count(), " streams");
  }
  return Open(
      paths,
      [builder = std::move(builder)]() -> Result<std::optional<EventBatch>> {
        ALKAID_ASSIGN_OR_RAISE(EventBatches built, builder->Next());
        if (built.done()) return std::optional<EventBatch>();
        return std::optional<EventBatch>(std::move(built.destinations.front().batch));
      },
      std::move(options));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::events
