#include "alkaid/events/big_data_reader.h"

#include <algorithm>
#include <bit>
#include <deque>
#include <new>
#include <thread>
#include <utility>

#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/time_text.h"
#include "alkaid/core/files/file_input_stream.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/core/files/live_file.h"
#include "alkaid/core/files/partial_read.h"
#include "alkaid/dgram/block_recycler.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/not_xtc2.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/events/big_data_plan_internal.h"
#include "alkaid/events/chunk_info.h"

namespace alkaid::events {

namespace internal {

using dgram::Dgram;
using dgram::DgramHeader;
using dgram::DgramOrigin;
using Group = BigDataGroup;
using Missing = io::LiveFile::Missing;
using Step = BigDataPlan::Step;
using Stream = BigDataPlan::Stream;

// The only kind of BigDataReader.
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
  Result<bool> NextEvent(BigDataEvent* event);
  // Plans the next batch of small data: false at the end.
  Result<bool> Plan();

  // Keeps `prefetch` reads in flight.
  void ReadAhead();
  Status TryToReadAhead();
  // Begins a read or a change of chunk: the next planned step, or again one whose read failed.
  Status Begin(const Step& step, Missing missing);
  Status Submit(Group* group, Missing missing);
  // Opens the file, if it is not open. `missing` says what to do about a file that is still to be
  // written: a read that is needed now waits for it.
  Status Open(BigDataFile* file, Missing missing);
  Status OpenAnew(BigDataFile* file, Missing missing) const;
  // The result of a wait that the program ended.
  static Status Stopped() { return absl::CancelledError("stopped before the data were written"); }
  bool IsStop(const Status& status) const {
    return options_.live != nullptr && status.code() == StatusCode::kCancelled;
  }
  // Waits for the group that the stream needs now.
  Status Load(Group* group);
  // Keeps what could be read of a group whose read failed; returns `failure` where that is nothing.
  static Status Salvage(Group* group, uint8_t* bytes, Status failure);
  // Retries the rest of a short read, or waits for it.
  Status ReadRest(Group* group, uint8_t* bytes);
  Status WaitForRest(Group* group, uint8_t* bytes);
  static Status CheckKind(const Group& group);
  // Why a datagram cannot be read that the group's file does not have to its end.
  static Status Unreadable(const Group& group, dgram::Timestamp timestamp);
  // Reports that the datagram at the cursor is left out.
  void Skip(const Stream& stream, const SmdRecord& record, dgram::Timestamp timestamp,
            const Status& fault) const;
  // The same for a datagram whose record cannot be followed.
  void SkipRecord(const Dgram& small_data, const Status& fault) const;
  // The datagram at the cursor of the stream's group, compared with its record.
  Result<Dgram> Check(const Stream& stream, const SmdRecord& record,
                      dgram::Timestamp timestamp) const;
  // Text about the retries and waits before a datagram counts as missing.
  std::string Patience() const;
  Status Fill(const Event& small_data, BigDataEvent* event);
  // After the last event: returns false, once every announced chunk is known to exist.
  Result<bool> End();

  Result<std::unique_ptr<io::ReadQueue>> MakeQueue() const;
  // In a child of the process that made the queue: leaves it to the parent.
  Status OwnQueue();

  const BatchSource source_;
  const BigDataReaderOptions options_;
  // The process that made the queue.
  uint64_t generation_ = alkaid::internal::ForkGeneration();
  const std::shared_ptr<dgram::BlockRecycler> recycler_;
  std::unique_ptr<io::ReadQueue> queue_;
  BigDataPlan plan_;
  // Planned batches; the first is being given out, from event next_event_ on.
  std::deque<BigDataPlan::Batch> batches_;
  int64_t next_event_ = 0;
  int64_t batches_given_ = 0;
  // The last batch of the source, if it is not planned yet for want of memory.
  std::optional<Result<std::optional<EventBatch>>> given_;
  bool source_ended_ = false;
  // Chunks that reading continues in, but of which nothing was read yet.
  std::vector<std::shared_ptr<BigDataFile>> unopened_;
  // Whether the program stopped it during a wait.
  bool stopped_ = false;
  // Bytes that the current event takes of each stream's group.
  std::vector<int64_t> taken_;
  Statistics statistics_;
  Status fault_;
};

GroupReader::GroupReader(BatchSource source, BigDataReaderOptions options)
    : source_(std::move(source)),
      options_(std::move(options)),
      recycler_(std::make_shared<dgram::BlockRecycler>(options_.pool,
                                                       Label::Intern("events.big_data"),
                                                       static_cast<size_t>(options_.prefetch) + 2)),
      plan_(options_.chunk_bytes, options_.max_dgram_bytes, options_.follow_chunks,
            options_.on_fault) {}

GroupReader::~GroupReader() {
  queue_.reset();
  recycler_->Close();
}

Status GroupReader::Init(const std::vector<std::string>& paths) {
  ALKAID_ASSIGN_OR_RAISE(queue_, MakeQueue());
  for (size_t i = 0; i < paths.size(); ++i) {
    std::shared_ptr<BigDataFile> file;
    if (options_.use_small_data.empty() || !options_.use_small_data[i]) {
      file = std::make_shared<BigDataFile>(
          BigDataFile{paths[i], ChunkInfo::ChunkIdOf(paths[i]), nullptr});
      ALKAID_RETURN_NOT_OK(Open(file.get(), Missing::kFail));
    }
    plan_.AddStream(std::move(file));
  }
  return absl::OkStatus();
}

Result<std::unique_ptr<io::ReadQueue>> GroupReader::MakeQueue() const {
  const io::ReadQueueKind kind =
      options_.prefetch == 0 ? io::ReadQueueKind::kInline : options_.queue;
  return io::ReadQueue::Make(kind, options_.prefetch + 1);
}

Status GroupReader::OwnQueue() {
  const uint64_t generation = alkaid::internal::ForkGeneration();
  if (generation == generation_) return absl::OkStatus();
  ALKAID_ASSIGN_OR_RAISE(queue_, MakeQueue());
  generation_ = generation;
  // Reads in flight go to the parent's memory.
  for (Stream& stream : plan_.streams()) {
    for (const auto& group : stream.groups) {
      if (group->ticket < 0) continue;
      group->ticket = -1;
      group->buffer = nullptr;
    }
  }
  return absl::OkStatus();
}

Status GroupReader::Open(BigDataFile* file, Missing missing) {
  if (file->file != nullptr) return absl::OkStatus();
  const auto announced = std::find_if(unopened_.begin(), unopened_.end(),
                                      [&](const auto& chunk) { return chunk.get() == file; });
  const Status opened = OpenAnew(file, missing);
  if (!opened.ok() && announced != unopened_.end() && !IsStop(opened)) {
    dgram::internal::ThrowIfNoMemory(opened);
    return Status(opened.code(), absl::StrCat(dgram::internal::MessageText(opened), " (chunk ",
                                              file->chunk_id, ", announced in small data)"));
  }
  ALKAID_RETURN_NOT_OK(opened);
  ++statistics_.files_opened;
  if (announced != unopened_.end()) unopened_.erase(announced);
  return absl::OkStatus();
}

Status GroupReader::OpenAnew(BigDataFile* file, Missing missing) const {
  if (!options_.open_file && io::IsStream(file->path)) {
    return status::Invalid(file->path,
                           ": big data are read wherever their records point, and the bytes "
                           "of a pipe, a socket or a terminal come once and in order");
  }
  if (options_.live != nullptr) {
    Result<std::unique_ptr<io::LiveFile>> live =
        io::LiveFile::Open(file->path, options_.live, missing);
    if (!live.ok() && options_.live->end() == io::LiveEnd::kStopped) return Stopped();
    ALKAID_RETURN_NOT_OK(live);
    file->live = *std::move(live);
    file->file = file->live->file();
    return absl::OkStatus();
  }
  if (!options_.open_file) {
    ALKAID_ASSIGN_OR_RAISE(file->file, io::ReadableFile::Open(file->path, options_.pool));
    return absl::OkStatus();
  }
  ALKAID_ASSIGN_OR_RAISE(file->file, options_.open_file(file->path));
  if (file->file != nullptr) return absl::OkStatus();
  return status::Invalid(file->path, ": the file that was opened is null");
}

Result<bool> GroupReader::End() {
  // All reads are done: chunks without an L1Accept are left.
  while (!plan_.steps().empty()) {
    ALKAID_RETURN_NOT_OK(Begin(plan_.steps().front(), Missing::kWait));
  }
  while (!unopened_.empty()) {
    const Status opened = Open(unopened_.front().get(), Missing::kWait);
    stopped_ = IsStop(opened);
    if (stopped_) break;
    ALKAID_RETURN_NOT_OK(opened);
  }
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
    ALKAID_RETURN_NOT_OK(Submit(step.group, missing));
  } else {
    unopened_.push_back(step.chunk);
  }
  const bool is_next = step.group == nullptr || !std::exchange(step.group->begun, true);
  if (is_next) plan_.steps().pop_front();
  if (told.has_value()) options_.on_read(*told);
  return absl::OkStatus();
}

Status GroupReader::Submit(Group* group, Missing missing) {
  if (group->file->file == nullptr) ALKAID_RETURN_NOT_OK(Open(group->file.get(), missing));
  // Rounded up, so that blocks of a few sizes serve groups of any size.
  const auto rounded = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(group->nbytes)));
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> buffer,
                         recycler_->Take(group->nbytes, std::min(rounded, options_.chunk_bytes)));
  ALKAID_ASSIGN_OR_RAISE(group->ticket,
                         queue_->Submit({group->file->file, group->offset, group->nbytes, buffer}));
  group->buffer = std::move(buffer);
  ++statistics_.reads;
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
  while (queue_->in_flight() < options_.prefetch) {
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
  ALKAID_RETURN_NOT_OK(OwnQueue());
  // Steps are in the order of need: all before this one were needed earlier.
  while (!group->begun) {
    ALKAID_RETURN_NOT_OK(Begin(plan_.steps().front(), Missing::kWait));
  }
  // It was begun and failed.
  if (group->ticket < 0) {
    ALKAID_RETURN_NOT_OK(Begin({group, group->stream, group->batch, nullptr}, Missing::kWait));
  }
  ReadAhead();
  // Made before the wait: what was read must not be lost for want of memory.
  auto origin = std::make_shared<DgramOrigin>(
      DgramOrigin{nullptr, group->configuration, group->file->path, group->offset});
  origin->index_is_of_event = true;
  const io::ReadOutcome outcome = queue_->Wait(std::exchange(group->ticket, -1));
  const std::shared_ptr<Buffer> buffer = std::move(group->buffer);
  // If one of these fails, the next call reads the group again.
  group->there = outcome.nbytes;
  group->failure = absl::OkStatus();
  if (!outcome.status.ok()) {
    ALKAID_RETURN_NOT_OK(Salvage(group, buffer->mutable_data(), outcome.status));
  } else if (group->there < group->nbytes) {
    ALKAID_RETURN_NOT_OK(ReadRest(group, buffer->mutable_data()));
  }
  origin->buffer = buffer;
  group->origin = std::move(origin);
  if (alkaid::internal::ViewEventsOn()) [[unlikely]]
    dgram::internal::TellSourceOf(*group->origin, buffer->data(), group->there);
  ReadAhead();
  return absl::OkStatus();
}

Status GroupReader::Salvage(Group* group, uint8_t* bytes, Status failure) {
  io::PartialRead read = io::ReadBeforeFailure(*group->file->file, group->offset, group->nbytes,
                                               bytes, std::move(failure));
  if (read.nbytes == 0 && !read.failure.ok()) return read.failure;
  group->there = read.nbytes;
  group->failure = std::move(read.failure);
  return absl::OkStatus();
}

Status GroupReader::ReadRest(Group* group, uint8_t* bytes) {
  if (options_.live != nullptr) return WaitForRest(group, bytes);
  for (int retry = 0; retry < options_.max_retries && group->there < group->nbytes; ++retry) {
    std::this_thread::sleep_for(options_.retry_pause);
    ++statistics_.retries;
    ALKAID_ASSIGN_OR_RAISE(
        const int64_t more,
        group->file->file->ReadAt(group->offset + group->there, group->nbytes - group->there,
                                  bytes + group->there));
    group->there += more;
  }
  return absl::OkStatus();
}

Status GroupReader::WaitForRest(Group* group, uint8_t* bytes) {
  io::LiveFile& live = *group->file->live;
  while (group->there < group->nbytes) {
    ALKAID_ASSIGN_OR_RAISE(const int64_t more,
                           live.ReadSome(group->offset + group->there, group->nbytes - group->there,
                                         bytes + group->there));
    // A copy may have replaced the file.
    group->file->file = live.file();
    // After a silence, the file has what is there.
    if (more == 0) return options_.live->end() == io::LiveEnd::kStopped ? Stopped() : Status();
    group->there += more;
  }
  return absl::OkStatus();
}

// kDataLoss where the group's file is of another kind. Only for a file that was found at fault.
Status GroupReader::CheckKind(const Group& group) {
  uint8_t first[dgram::kDgramHeaderBytes];
  const Result<int64_t> got = group.file->file->ReadAt(0, dgram::kDgramHeaderBytes, first);
  const std::string why = got.ok() ? dgram::internal::WhyNotXtc2(first, *got) : std::string();
  if (why.empty()) return absl::OkStatus();
  return dgram::internal::DataFault(group.file->path, ": byte 0 (stream ", group.stream,
                                    "): ", why);
}

Status GroupReader::Unreadable(const Group& group, dgram::Timestamp timestamp) {
  return Status(group.failure.code(),
                absl::StrCat(group.file->path, ": byte ", group.offset + group.there, " (stream ",
                             group.stream, ", timestamp ", timestamp.value(),
                             "): ", group.failure.message()));
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
      ALKAID_RETURN_NOT_OK(CheckKind(group));
      return dgram::internal::DataFault(
          group.file->path, ": byte ", group.offset + stream.at, " (stream ", group.stream,
          "): datagram of ", size, " bytes and timestamp ", found.value(),
          ", its small-data record says ", record.size, " bytes and timestamp ", timestamp.value());
    }
    if (size <= there) [[likely]] {
      return Dgram(group.origin, data, size, statistics_.events);
    }
  }
  if (!group.failure.ok()) return Unreadable(group, timestamp);
  ALKAID_RETURN_NOT_OK(CheckKind(group));
  return dgram::internal::DataFault(group.file->path, ": byte ", group.offset + stream.at,
                                    " (stream ", group.stream, ", timestamp ", timestamp.value(),
                                    "): datagram of ", record.size, " bytes, the file has ",
                                    std::max<int64_t>(there, 0), " of them, after ", Patience());
}

std::string GroupReader::Patience() const {
  if (options_.live == nullptr) return absl::StrCat(options_.max_retries, " retries");
  const auto silence = options_.live->options().silence.value_or(io::LiveOptions::Duration());
  return absl::StrCat(alkaid::internal::DurationText(static_cast<uint64_t>(silence.count())),
                      " in which nothing was written");
}

void GroupReader::Skip(const Stream& stream, const SmdRecord& record, dgram::Timestamp timestamp,
                       const Status& fault) const {
  if (!options_.on_skip) return;
  const Group& group = *stream.groups.front();
  options_.on_skip({group.file->path, group.offset + stream.at, record.size, statistics_.events,
                    timestamp, std::nullopt, dgram::internal::MessageText(fault)});
}

void GroupReader::SkipRecord(const Dgram& small_data, const Status& fault) const {
  if (!options_.on_skip) return;
  const int64_t byte = dgram::internal::SourceByteOf(small_data);
  options_.on_skip({small_data.source(), byte >= 0 ? byte : small_data.offset(), small_data.size(),
                    statistics_.events, small_data.timestamp(), std::nullopt,
                    dgram::internal::MessageText(fault)});
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
      Result<Dgram> found = Check(stream, **record, timestamp);
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
    stopped_ = IsStop(status);
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
