#include "alkaid/events/big_data_reader.h"

#include <algorithm>
#include <bit>
#include <deque>
#include <thread>
#include <utility>

#include "alkaid/core/file_io.h"
#include "alkaid/dgram/block_recycler.h"
#include "alkaid/events/chunk_info.h"
#include "alkaid/events/smd_record.h"

namespace alkaid::events {

namespace internal {
namespace {

using dgram::Dgram;
using dgram::DgramHeader;
using dgram::DgramOrigin;

// One file of a stream. Opened when it is first read.
struct File {
  std::string path;
  uint32_t chunk_id = 0;
  std::shared_ptr<io::RandomAccessFile> file;
};

// Datagrams that lie behind each other, read at once.
struct Group {
  int stream = 0;
  int64_t batch = 0;
  std::shared_ptr<File> file;
  int64_t offset = 0;
  int64_t nbytes = 0;
  std::shared_ptr<const dgram::Configuration> configuration;
  // Of the read: not begun (-1), in flight, or done when the origin is there.
  int64_t ticket = -1;
  std::shared_ptr<Buffer> buffer;
  std::shared_ptr<const DgramOrigin> origin;
};

struct Batch {
  EventBatch events;
  // What planning found at event `fault_at`, to be told when it is reached.
  int64_t fault_at = -1;
  Status fault;

  bool IsThrough(int64_t next_event) const {
    return next_event == events.size() && next_event != fault_at;
  }
};

struct Stream {
  bool small_data = false;
  std::shared_ptr<File> file;
  std::shared_ptr<const dgram::Configuration> configuration;
  std::optional<SmdInfo> info;
  // The group under planning that the next datagram may join; null after a transition.
  Group* open = nullptr;
  // Groups that are not used up; `at` bytes of the first were given out.
  std::deque<std::unique_ptr<Group>> groups;
  int64_t at = 0;
};

// What is to be done in order: a read, or going on in a new file.
struct Step {
  Group* group = nullptr;
  int stream = 0;
  int64_t batch = 0;
  std::shared_ptr<File> chunk;
};

}  // namespace

// The one kind of BigDataReader.
class GroupReader final : public BigDataReader {
 public:
  GroupReader(BatchSource source, BigDataReaderOptions options);
  ~GroupReader() override;
  Status Init(const std::vector<std::string>& paths);

  Result<bool> Next(BigDataEvent* event) override;
  int stream_count() const override { return static_cast<int>(streams_.size()); }
  const Statistics& statistics() const override { return statistics_; }
  io::ReadQueueKind queue_kind() const override { return queue_->kind(); }

 private:
  // Plans the next batch of small data: false at the end.
  Result<bool> Plan();
  Status PlanEvent(const Event& event);
  Status PlanTransition(const Event& event);
  Status PlanDgram(int stream, const Dgram& dgram, int64_t batch_index);
  Result<std::optional<SmdRecord>> RecordOf(int stream, const Dgram& dgram);

  // Keeps `prefetch` reads in flight.
  void ReadAhead();
  // Begins the next step that was planned: a read, or a change of chunk.
  Status Begin(Step* step);
  Status Submit(Group* group);
  // Waits for the group that the stream needs now.
  Status Load(Group* group);
  Status ReadRest(Group* group, int64_t got);
  // The datagram at the cursor of the stream's group, compared with its record.
  Result<Dgram> Check(const Stream& stream, const SmdRecord& record,
                      dgram::Timestamp timestamp) const;
  Status Fill(const Event& small_data, BigDataEvent* event);
  Result<std::shared_ptr<io::RandomAccessFile>> OpenFile(const std::string& path);

  const BatchSource source_;
  const BigDataReaderOptions options_;
  const std::shared_ptr<dgram::BlockRecycler> recycler_;
  std::unique_ptr<io::ReadQueue> queue_;
  std::deque<Stream> streams_;
  // Batches that were planned, the first of which is being given out from event next_event_ on.
  std::deque<Batch> batches_;
  int64_t next_event_ = 0;
  int64_t batches_planned_ = 0;
  bool source_ended_ = false;
  // Steps planned and not begun, in order.
  std::deque<Step> steps_;
  // Bytes that the event under way takes of each stream's group.
  std::vector<int64_t> taken_;
  Statistics statistics_;
  Status fault_;
};

GroupReader::GroupReader(BatchSource source, BigDataReaderOptions options)
    : source_(std::move(source)),
      options_(std::move(options)),
      recycler_(std::make_shared<dgram::BlockRecycler>(
          options_.pool, nullptr, static_cast<size_t>(options_.prefetch) + 2)) {}

GroupReader::~GroupReader() {
  queue_.reset();
  recycler_->Close();
}

Status GroupReader::Init(const std::vector<std::string>& paths) {
  const io::ReadQueueKind kind =
      options_.prefetch == 0 ? io::ReadQueueKind::kInline : options_.queue;
  ALKAID_ASSIGN_OR_RAISE(queue_, io::ReadQueue::Make(kind, options_.prefetch + 1));
  for (size_t i = 0; i < paths.size(); ++i) {
    Stream& stream = streams_.emplace_back();
    stream.small_data = !options_.use_small_data.empty() && options_.use_small_data[i];
    if (stream.small_data) continue;
    stream.file = std::make_shared<File>(File{paths[i], ChunkInfo::ChunkIdOf(paths[i]), nullptr});
    ALKAID_ASSIGN_OR_RAISE(stream.file->file, OpenFile(paths[i]));
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
  ++statistics_.files_opened;
  return file;
}

Result<bool> GroupReader::Plan() {
  if (source_ended_) return false;
  Result<std::optional<EventBatch>> events = source_();
  if (!events.ok()) {
    // A fault of the small data has its place behind what was planned; all else may pass.
    if (events.status().code() != StatusCode::kDataLoss) return events.status();
    source_ended_ = true;
    Batch& batch = batches_.emplace_back();
    batch.fault_at = 0;
    batch.fault = events.status();
    return true;
  }
  if (!events->has_value()) {
    source_ended_ = true;
    return false;
  }
  Batch& batch = batches_.emplace_back();
  batch.events = **std::move(events);
  for (Stream& stream : streams_) stream.open = nullptr;
  for (const Event& event : batch.events) {
    const Status status = PlanEvent(event);
    if (status.ok()) continue;
    batch.fault_at = event.index();
    batch.fault = status;
    source_ended_ = true;
    break;
  }
  ++batches_planned_;
  return true;
}

Status GroupReader::PlanEvent(const Event& event) {
  if (event.stream_count() != stream_count()) {
    return status::DataLoss("event ", event.index(), " of batch ", batches_planned_, ": ",
                            event.stream_count(), " streams, expected ", stream_count());
  }
  if (!event.is_l1_accept()) return PlanTransition(event);
  Status status;
  event.ForEachDgram([&](int stream, const Dgram& dgram) {
    if (status.ok()) status = PlanDgram(stream, dgram, batches_planned_);
  });
  return status;
}

// Between datagrams on both sides of a transition lies, at least, that transition.
Status GroupReader::PlanTransition(const Event& event) {
  Status status;
  for (Stream& stream : streams_) stream.open = nullptr;
  if (event.service() != dgram::TransitionId::kEnable) return status;
  event.ForEachDgram([&](int index, const Dgram& dgram) {
    Stream& stream = streams_[static_cast<size_t>(index)];
    if (!status.ok() || stream.small_data || dgram.configuration() == nullptr) return;
    const Result<ChunkInfo> chunk = ChunkInfo::Read(dgram);
    if (!chunk.ok()) {
      if (chunk.status().code() != StatusCode::kNotFound) status = chunk.status();
      return;
    }
    if (chunk->chunk_id <= stream.file->chunk_id) return;
    stream.file = std::make_shared<File>(
        File{chunk->PathBeside(stream.file->path), chunk->chunk_id, nullptr});
    steps_.push_back({nullptr, index, batches_planned_, stream.file});
  });
  return status;
}

Result<std::optional<SmdRecord>> GroupReader::RecordOf(int index, const Dgram& dgram) {
  Stream& stream = streams_[static_cast<size_t>(index)];
  if (!stream.info.has_value() || stream.configuration != dgram.configuration()) {
    ALKAID_ASSIGN_OR_RAISE(stream.info, SmdInfo::Find(dgram.configuration()));
    stream.configuration = dgram.configuration();
  }
  Result<SmdRecord> record = stream.info->Read(dgram);
  if (record.ok()) return std::optional<SmdRecord>(*record);
  // A datagram that ends a batch may stand in the small data whole.
  if (record.status().code() == StatusCode::kNotFound &&
      dgram.service() == dgram::TransitionId::kL1AcceptEndOfBatch) {
    return std::optional<SmdRecord>();
  }
  if (record.status().code() != StatusCode::kNotFound) return record.status();
  return dgram.Fault(0, absl::StrCat("stream ", index, ": L1Accept without a small-data record"));
}

Status GroupReader::PlanDgram(int index, const Dgram& dgram, int64_t batch_index) {
  Stream& stream = streams_[static_cast<size_t>(index)];
  if (stream.small_data) return absl::OkStatus();
  ALKAID_ASSIGN_OR_RAISE(const std::optional<SmdRecord> record, RecordOf(index, dgram));
  if (!record.has_value()) return absl::OkStatus();
  if (record->size > options_.max_dgram_bytes) {
    return status::OutOfMemory(stream.file->path, ": byte ", record->offset, " (stream ", index,
                               "): datagram of ", record->size, " bytes, the limit is ",
                               options_.max_dgram_bytes);
  }
  Group* const open = stream.open;
  if (open != nullptr && open->offset + open->nbytes == record->offset &&
      open->nbytes + record->size < options_.chunk_bytes) {
    open->nbytes += record->size;
    return absl::OkStatus();
  }
  auto group = std::make_unique<Group>();
  group->stream = index;
  group->batch = batch_index;
  group->file = stream.file;
  group->offset = record->offset;
  group->nbytes = record->size;
  group->configuration = dgram.configuration();
  stream.open = group.get();
  steps_.push_back({group.get(), index, batch_index, nullptr});
  stream.groups.push_back(std::move(group));
  return absl::OkStatus();
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
    if (steps_.empty()) {
      if (batches_.size() >= most_batches) return;
      const Result<bool> more = Plan();
      if (!more.ok() || !*more) return;
      continue;
    }
    if (!Begin(&steps_.front()).ok()) return;
    steps_.pop_front();
  }
}

Status GroupReader::Load(Group* group) {
  if (group->origin != nullptr) return absl::OkStatus();
  // Steps are in the order of need: all before this one were needed before.
  while (group->ticket < 0) {
    ALKAID_RETURN_NOT_OK(Begin(&steps_.front()));
    steps_.pop_front();
  }
  ReadAhead();
  const io::ReadOutcome outcome = queue_->Wait(group->ticket);
  Status status = outcome.status;
  if (status.ok() && outcome.nbytes < group->nbytes) status = ReadRest(group, outcome.nbytes);
  if (!status.ok()) {
    // To be read again, should Next be called again.
    group->ticket = -1;
    group->buffer = nullptr;
    steps_.push_front({group, group->stream, group->batch, nullptr});
    return status;
  }
  group->origin = std::make_shared<const DgramOrigin>(DgramOrigin{
      std::move(group->buffer), group->configuration, group->file->path, group->offset});
  ReadAhead();
  return absl::OkStatus();
}

Status GroupReader::ReadRest(Group* group, int64_t got) {
  for (int retry = 0; retry < options_.max_retries && got < group->nbytes; ++retry) {
    std::this_thread::sleep_for(options_.retry_pause);
    ++statistics_.retries;
    ALKAID_ASSIGN_OR_RAISE(const int64_t more,
                           group->file->file->ReadAt(group->offset + got, group->nbytes - got,
                                                     group->buffer->mutable_data() + got));
    got += more;
  }
  if (got == group->nbytes) return absl::OkStatus();
  return status::DataLoss(group->file->path, ": byte ", group->offset, " (stream ", group->stream,
                          "): read of ", group->nbytes, " bytes gave ", got, ", after ",
                          options_.max_retries, " retries");
}

Result<Dgram> GroupReader::Check(const Stream& stream, const SmdRecord& record,
                                 dgram::Timestamp timestamp) const {
  const Group& group = *stream.groups.front();
  const uint8_t* const data = group.origin->buffer->data() + stream.at;
  const int64_t size = DgramHeader::SizeOf(data);
  const dgram::Timestamp found(dgram::LoadUnaligned<uint64_t>(data));
  if (size == record.size && found == timestamp) [[likely]] {
    return Dgram(group.origin, data, size, statistics_.events);
  }
  const std::string place = absl::StrCat(group.file->path, ": byte ", group.offset + stream.at,
                                         " (stream ", group.stream, "): datagram of ");
  return status::DataLoss(place, size, " bytes and timestamp ", found.value(),
                          ", its small-data record says ", record.size, " bytes and timestamp ",
                          timestamp.value());
}

Status GroupReader::Fill(const Event& small_data, BigDataEvent* event) {
  const dgram::Timestamp timestamp = small_data.timestamp();
  event->dgrams_.resize(streams_.size());
  for (Dgram& dgram : event->dgrams_) dgram = Dgram();
  Status status;
  taken_.assign(streams_.size(), 0);
  const bool l1_accept = small_data.is_l1_accept();
  small_data.ForEachDgram([&](int index, Dgram dgram) {
    if (!status.ok()) return;
    const Stream& stream = streams_[static_cast<size_t>(index)];
    Dgram& place = event->dgrams_[static_cast<size_t>(index)];
    if (!l1_accept || stream.small_data) {
      place = std::move(dgram);
      return;
    }
    const Result<std::optional<SmdRecord>> record = RecordOf(index, dgram);
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
  for (size_t i = 0; i < streams_.size(); ++i) {
    if (taken_[i] == 0) continue;
    Stream& stream = streams_[i];
    stream.at += taken_[i];
    ++statistics_.dgrams;
    statistics_.dgram_bytes += taken_[i];
    if (stream.at < stream.groups.front()->nbytes) continue;
    if (stream.open == stream.groups.front().get()) stream.open = nullptr;
    stream.groups.pop_front();
    stream.at = 0;
  }
  return absl::OkStatus();
}

Result<bool> GroupReader::Next(BigDataEvent* event) {
  if (!fault_.ok()) return fault_;
  while (batches_.empty() || batches_.front().IsThrough(next_event_)) {
    if (!batches_.empty()) {
      batches_.pop_front();
      next_event_ = 0;
      continue;
    }
    ALKAID_ASSIGN_OR_RAISE(const bool more, Plan());
    if (!more) return false;
  }
  const Batch& batch = batches_.front();
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
  ++next_event_;
  return true;
}

}  // namespace internal

Result<std::unique_ptr<BigDataReader>> BigDataReader::Open(const std::vector<std::string>& paths,
                                                           BatchSource source,
                                                           BigDataReaderOptions options) {
  if (paths.empty() || !source) return status::Invalid("big data of no stream, or no source");
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
  if (builder->stream_count() != static_cast<int>(paths.size())) {
    return status::Invalid(paths.size(), " files of big data for events of ",
                           builder->stream_count(), " streams");
  }
  return Open(
      paths,
      [builder = std::move(builder)]() -> Result<std::optional<EventBatch>> {
        ALKAID_ASSIGN_OR_RAISE(EventBatches built, builder->Next());
        if (built.done()) return std::optional<EventBatch>();
        if (built.destinations.size() != 1) {
          return status::Invalid("events of ", built.destinations.size(),
                                 " destinations; big data are read for one");
        }
        return std::optional<EventBatch>(std::move(built.destinations.front().batch));
      },
      std::move(options));
}

}  // namespace alkaid::events
