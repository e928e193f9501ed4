#include "alkaid/events/big_data_reader.h"

#include <algorithm>
#include <bit>
#include <deque>
#include <thread>
#include <utility>

#include "alkaid/core/files/file_io.h"
#include "alkaid/dgram/block_recycler.h"
#include "alkaid/events/big_data_plan_internal.h"
#include "alkaid/events/chunk_info.h"

namespace alkaid::events {

namespace internal {

using dgram::Dgram;
using dgram::DgramHeader;
using dgram::DgramOrigin;
using Group = BigDataGroup;
using Step = BigDataPlan::Step;
using Stream = BigDataPlan::Stream;

// The one kind of BigDataReader.
class GroupReader final : public BigDataReader {
 public:
  GroupReader(BatchSource source, BigDataReaderOptions options);
  ~GroupReader() override;
  Status Init(const std::vector<std::string>& paths);

  Result<bool> Next(BigDataEvent* event) override;
  int stream_count() const override { return plan_.stream_count(); }
  const Statistics& statistics() const override { return statistics_; }
  io::ReadQueueKind queue_kind() const override { return queue_->kind(); }

 private:
  // Plans the next batch of small data: false at the end.
  Result<bool> Plan();

  // Keeps `prefetch` reads in flight.
  void ReadAhead();
  // Begins the next step that was planned: a read, or a change of chunk.
  Status Begin(Step* step);
  Status Submit(Group* group);
  // Waits for the group that the stream needs now.
  Status Load(Group* group);
  // Tries the rest of a short read again.
  Status ReadRest(Group* group);
  // The datagram at the cursor of the stream's group, compared with its record.
  Result<Dgram> Check(const Stream& stream, const SmdRecord& record,
                      dgram::Timestamp timestamp) const;
  Status Fill(const Event& small_data, BigDataEvent* event);
  Result<std::shared_ptr<io::RandomAccessFile>> OpenFile(const std::string& path);

  const BatchSource source_;
  const BigDataReaderOptions options_;
  const std::shared_ptr<dgram::BlockRecycler> recycler_;
  std::unique_ptr<io::ReadQueue> queue_;
  BigDataPlan plan_;
  // Batches that were planned, the first of which is being given out from event next_event_ on.
  std::deque<BigDataPlan::Batch> batches_;
  int64_t next_event_ = 0;
  int64_t batches_given_ = 0;
  bool source_ended_ = false;
  // Bytes that the event under way takes of each stream's group.
  std::vector<int64_t> taken_;
  Statistics statistics_;
  Status fault_;
};

GroupReader::GroupReader(BatchSource source, BigDataReaderOptions options)
    : source_(std::move(source)),
      options_(std::move(options)),
      recycler_(std::make_shared<dgram::BlockRecycler>(options_.pool, nullptr,
                                                       Label::Intern("events.big_data"),
                                                       static_cast<size_t>(options_.prefetch) + 2)),
      plan_(options_.chunk_bytes, options_.max_dgram_bytes) {}

GroupReader::~GroupReader() {
  queue_.reset();
  recycler_->Close();
}

Status GroupReader::Init(const std::vector<std::string>& paths) {
  const io::ReadQueueKind kind =
      options_.prefetch == 0 ? io::ReadQueueKind::kInline : options_.queue;
  ALKAID_ASSIGN_OR_RAISE(queue_, io::ReadQueue::Make(kind, options_.prefetch + 1));
  for (size_t i = 0; i < paths.size(); ++i) {
    std::shared_ptr<BigDataFile> file;
    if (options_.use_small_data.empty() || !options_.use_small_data[i]) {
      file = std::make_shared<BigDataFile>(
          BigDataFile{paths[i], ChunkInfo::ChunkIdOf(paths[i]), nullptr});
      ALKAID_ASSIGN_OR_RAISE(file->file, OpenFile(paths[i]));
    }
    plan_.AddStream(std::move(file));
  }
  return absl::OkStatus();
}

Result<std::shared_ptr<io::RandomAccessFile>> GroupReader::OpenFile(const std::string& path) {
  std::shared_ptr<io::RandomAccessFile> file;
  if (options_.open_file) {
    ALKAID_ASSIGN_OR_RAISE(file, options_.open_file(path));
  } else {
    ALKAID_ASSIGN_OR_RAISE(file, io::ReadableFile::Open(path, options_.pool));
  }
  if (file == nullptr) return status::Invalid(path, ": the file that was opened is null");
  ++statistics_.files_opened;
  return file;
}

Result<bool> GroupReader::Plan() {
  if (source_ended_) return false;
  Result<std::optional<EventBatch>> events = source_();
  const bool is_end = events.ok() && !events->has_value();
  if (!events.ok()) {
    // A fault of the small data has its place behind what was planned; all else may pass.
    if (events.status().code() != StatusCode::kDataLoss) return events.status();
    batches_.push_back({EventBatch(), 0, events.status()});
  } else if (!is_end) {
    batches_.push_back(plan_.Add(**std::move(events)));
  }
  source_ended_ = is_end || !batches_.back().fault.ok();
  return !is_end;
}

Status GroupReader::Begin(Step* step) {
  BigDataRead told;
  told.batch = step->batch;
  told.stream = step->stream;
  if (step->group == nullptr) {
    told.kind = BigDataRead::Kind::kOpenChunk;
    told.path = step->chunk->path;
    told.chunk_id = step->chunk->chunk_id;
  } else {
    ALKAID_RETURN_NOT_OK(Submit(step->group));
    told.path = step->group->file->path;
    told.offset = step->group->offset;
    told.nbytes = step->group->nbytes;
  }
  if (options_.on_read) options_.on_read(told);
  return absl::OkStatus();
}

Status GroupReader::Submit(Group* group) {
  if (group->file->file == nullptr) {
    ALKAID_ASSIGN_OR_RAISE(group->file->file, OpenFile(group->file->path));
  }
  // Blocks of a few sizes serve groups of any size.
  const auto rounded = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(group->nbytes)));
  ALKAID_ASSIGN_OR_RAISE(group->buffer,
                         recycler_->Take(group->nbytes, std::min(rounded, options_.chunk_bytes)));
  ALKAID_ASSIGN_OR_RAISE(group->ticket, queue_->Submit({group->file->file, group->offset,
                                                        group->nbytes, group->buffer}));
  ++statistics_.reads;
  return absl::OkStatus();
}

// What fails ahead of its time is tried again, and told, when it is needed.
void GroupReader::ReadAhead() {
  const auto most_batches = static_cast<size_t>(options_.prefetch) + 2;
  while (queue_->in_flight() < options_.prefetch) {
    if (plan_.steps().empty()) {
      if (batches_.size() >= most_batches) return;
      const Result<bool> more = Plan();
      if (!more.ok() || !*more) return;
      continue;
    }
    if (!Begin(&plan_.steps().front()).ok()) return;
    plan_.steps().pop_front();
  }
}

Status GroupReader::Load(Group* group) {
  if (group->origin != nullptr) return absl::OkStatus();
  // Steps are in the order of need: all before this one were needed before.
  while (group->ticket < 0) {
    ALKAID_RETURN_NOT_OK(Begin(&plan_.steps().front()));
    plan_.steps().pop_front();
  }
  ReadAhead();
  const io::ReadOutcome outcome = queue_->Wait(group->ticket);
  Status status = outcome.status;
  group->there = outcome.nbytes;
  if (status.ok() && group->there < group->nbytes) status = ReadRest(group);
  if (!status.ok()) {
    // To be read again, should Next be called again.
    group->ticket = -1;
    group->buffer = nullptr;
    plan_.steps().push_front({group, group->stream, group->batch, nullptr});
    return status;
  }
  group->origin = std::make_shared<const DgramOrigin>(DgramOrigin{
      std::move(group->buffer), group->configuration, group->file->path, group->offset});
  if (alkaid::internal::ViewEventsOn()) [[unlikely]]
    dgram::internal::TellSourceOf(*group->origin, group->origin->buffer->data(), group->there);
  ReadAhead();
  return absl::OkStatus();
}

Status GroupReader::ReadRest(Group* group) {
  for (int retry = 0; retry < options_.max_retries && group->there < group->nbytes; ++retry) {
    std::this_thread::sleep_for(options_.retry_pause);
    ++statistics_.retries;
    ALKAID_ASSIGN_OR_RAISE(
        const int64_t more,
        group->file->file->ReadAt(group->offset + group->there, group->nbytes - group->there,
                                  group->buffer->mutable_data() + group->there));
    group->there += more;
  }
  return absl::OkStatus();
}

Result<Dgram> GroupReader::Check(const Stream& stream, const SmdRecord& record,
                                 dgram::Timestamp timestamp) const {
  const Group& group = *stream.groups.front();
  const uint8_t* const data = group.origin->buffer->data() + stream.at;
  const int64_t there = group.there - stream.at;
  if (there >= dgram::kDgramHeaderBytes) {
    const int64_t size = DgramHeader::SizeOf(data);
    const dgram::Timestamp found(dgram::LoadUnaligned<uint64_t>(data));
    if (size != record.size || found != timestamp) [[unlikely]] {
      return status::DataLoss(group.file->path, ": byte ", group.offset + stream.at, " (stream ",
                              group.stream, "): datagram of ", size, " bytes and timestamp ",
                              found.value(), ", its small-data record says ", record.size,
                              " bytes and timestamp ", timestamp.value());
    }
    if (size <= there) [[likely]] {
      return Dgram(group.origin, data, size, statistics_.events);
    }
  }
  return status::DataLoss(group.file->path, ": byte ", group.offset + stream.at, " (stream ",
                          group.stream, ", timestamp ", timestamp.value(), "): datagram of ",
                          record.size, " bytes, the file has ", std::max<int64_t>(there, 0),
                          " of them, after ", options_.max_retries, " retries");
}

Status GroupReader::Fill(const Event& small_data, BigDataEvent* event) {
  const dgram::Timestamp timestamp = small_data.timestamp();
  event->dgrams_.resize(static_cast<size_t>(plan_.stream_count()));
  for (Dgram& dgram : event->dgrams_) dgram = Dgram();
  Status status;
  taken_.assign(static_cast<size_t>(plan_.stream_count()), 0);
  const bool l1_accept = small_data.is_l1_accept();
  small_data.ForEachDgram([&](int index, Dgram dgram) {
    if (!status.ok()) return;
    const Stream& stream = plan_.streams()[static_cast<size_t>(index)];
    Dgram& place = event->dgrams_[static_cast<size_t>(index)];
    if (!l1_accept || stream.small_data) {
      place = std::move(dgram);
      return;
    }
    const Result<std::optional<SmdRecord>> record = plan_.RecordOf(index, dgram);
    if (!record.ok()) {
      status = record.status();
    } else if (!record->has_value()) {
      place = std::move(dgram);
    } else {
      status = Load(stream.groups.front().get());
      if (!status.ok()) return;
      Result<Dgram> found = Check(stream, **record, timestamp);
      status = found.status();
      if (!status.ok()) return;
      place = *std::move(found);
      taken_[static_cast<size_t>(index)] = (*record)->size;
    }
  });
  ALKAID_RETURN_NOT_OK(status);

  // Nothing can fail from here on.
  for (size_t i = 0; i < taken_.size(); ++i) {
    if (taken_[i] == 0) continue;
    plan_.streams()[i].Take(taken_[i]);
    ++statistics_.dgrams;
    statistics_.dgram_bytes += taken_[i];
  }
  return absl::OkStatus();
}

Result<bool> GroupReader::Next(BigDataEvent* event) {
  if (!fault_.ok()) return fault_;
  while (batches_.empty() || batches_.front().IsThrough(next_event_)) {
    if (!batches_.empty()) {
      batches_.pop_front();
      ++batches_given_;
      next_event_ = 0;
      continue;
    }
    ALKAID_ASSIGN_OR_RAISE(const bool more, Plan());
    if (!more) return false;
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
                                                           BigDataReaderOptions options) {
  if (paths.empty() || !source) return status::Invalid("big data of no stream, or no source");
  if (options.max_dgram_bytes < dgram::kDgramHeaderBytes) {
    return status::Invalid("datagrams of at most ", options.max_dgram_bytes,
                           " bytes, the least has ", dgram::kDgramHeaderBytes);
  }
  if (options.chunk_bytes < 1 || options.prefetch < 0 || options.max_retries < 0 ||
      options.prefetch > io::ReadQueue::kLargestDepth - 1) {
    return status::Invalid("groups of ", options.chunk_bytes, " bytes, ", options.prefetch,
                           " read ahead, ", options.max_retries,
                           " retries; the least are 1, 0 and 0, and at most ",
                           io::ReadQueue::kLargestDepth - 1, " are read ahead");
  }
  if (!options.use_small_data.empty() && options.use_small_data.size() != paths.size()) {
    return status::Invalid("small data chosen for ", options.use_small_data.size(),
                           " streams, there are ", paths.size());
  }
  auto made = std::make_unique<internal::GroupReader>(std::move(source), std::move(options));
  ALKAID_RETURN_NOT_OK(made->Init(paths));
  return made;
}

Result<std::unique_ptr<BigDataReader>> BigDataReader::Open(const std::vector<std::string>& paths,
                                                           std::shared_ptr<EventBuilder> builder,
                                                           BigDataReaderOptions options) {
  if (builder == nullptr) return status::Invalid("big data need an event builder, not null");
  if (builder->has_destinations()) {
    return status::Invalid("big data are read for one destination; this builder tells them apart");
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
}

}  // namespace alkaid::events
