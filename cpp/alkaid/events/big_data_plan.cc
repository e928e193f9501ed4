#include <utility>

#include "alkaid/events/big_data_plan_internal.h"
#include "alkaid/events/chunk_info.h"

namespace alkaid::events::internal {

using dgram::Dgram;

void BigDataPlan::Stream::Take(int64_t nbytes) {
  at += nbytes;
  if (at < groups.front()->nbytes) return;
  if (open == groups.front().get()) open = nullptr;
  groups.pop_front();
  at = 0;
}

void BigDataPlan::AddStream(std::shared_ptr<BigDataFile> file) {
  Stream& stream = streams_.emplace_back();
  stream.small_data = file == nullptr;
  stream.file = std::move(file);
}

BigDataPlan::Batch BigDataPlan::Add(EventBatch events) {
  Batch batch;
  batch.events = std::move(events);
  for (Stream& stream : streams_) stream.open = nullptr;
  for (const Event& event : batch.events) {
    const Status status = PlanEvent(event);
    if (status.ok()) continue;
    batch.fault_at = event.index();
    batch.fault = status;
    break;
  }
  ++batches_planned_;
  return batch;
}

Status BigDataPlan::PlanEvent(const Event& event) {
  if (event.stream_count() != stream_count()) {
    return status::DataLoss("event ", event.index(), " of batch ", batches_planned_, ": ",
                            event.stream_count(), " streams, expected ", stream_count());
  }
  if (!event.is_l1_accept()) return PlanTransition(event);
  Status status;
  event.ForEachDgram([&](int stream, const Dgram& dgram) {
    if (status.ok()) status = PlanDgram(stream, dgram);
  });
  return status;
}

// Between datagrams on both sides of a transition lies, at least, that transition.
Status BigDataPlan::PlanTransition(const Event& event) {
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
    stream.file = std::make_shared<BigDataFile>(
        BigDataFile{chunk->PathBeside(stream.file->path), chunk->chunk_id, nullptr});
    steps_.push_back({nullptr, index, batches_planned_, stream.file});
  });
  return status;
}

Result<std::optional<SmdRecord>> BigDataPlan::RecordOf(int index, const Dgram& dgram) {
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

Status BigDataPlan::PlanDgram(int index, const Dgram& dgram) {
  Stream& stream = streams_[static_cast<size_t>(index)];
  if (stream.small_data) return absl::OkStatus();
  ALKAID_ASSIGN_OR_RAISE(const std::optional<SmdRecord> record, RecordOf(index, dgram));
  if (!record.has_value()) return absl::OkStatus();
  if (record->size > max_dgram_bytes_) {
    return status::OutOfMemory(stream.file->path, ": byte ", record->offset, " (stream ", index,
                               "): datagram of ", record->size, " bytes, the limit is ",
                               max_dgram_bytes_);
  }
  BigDataGroup* const open = stream.open;
  if (open != nullptr && open->offset + open->nbytes == record->offset &&
      open->nbytes + record->size < chunk_bytes_) {
    open->nbytes += record->size;
    return absl::OkStatus();
  }
  auto group = std::make_unique<BigDataGroup>();
  group->stream = index;
  group->batch = batches_planned_;
  group->file = stream.file;
  group->offset = record->offset;
  group->nbytes = record->size;
  group->configuration = dgram.configuration();
  stream.open = group.get();
  steps_.push_back({group.get(), index, batches_planned_, nullptr});
  stream.groups.push_back(std::move(group));
  return absl::OkStatus();
}

}  // namespace alkaid::events::internal
