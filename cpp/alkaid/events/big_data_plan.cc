#include <algorithm>
#include <utility>

#include "alkaid/dgram/data_fault.h"
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

const Status* BigDataPlan::Batch::FaultOf(int64_t event, int stream) const {
  // They are sorted.
  const auto found =
      std::lower_bound(left_out.begin(), left_out.end(), std::pair(event, stream),
                       [](const LeftOut& one, const std::pair<int64_t, int>& wanted) {
                         return std::pair(one.event, one.stream) < wanted;
                       });
  const bool is_it = found != left_out.end() && found->event == event && found->stream == stream;
  return is_it ? &found->fault : nullptr;
}

void BigDataPlan::AddStream(std::shared_ptr<BigDataFile> file) {
  Stream& stream = streams_.emplace_back();
  stream.small_data = file == nullptr;
  stream.file = std::move(file);
}

BigDataPlan::Batch BigDataPlan::Add(const EventBatch& events) {
  const size_t steps = steps_.size();
  marks_.clear();
  for (const Stream& stream : streams_) marks_.push_back({stream.groups.size(), stream.file});
  try {
    Batch batch = Plan(events);
    ++batches_planned_;
    return batch;
  } catch (...) {
    TakeBack(steps);
    throw;
  }
}

void BigDataPlan::TakeBack(size_t steps) noexcept {
  while (steps_.size() > steps) steps_.pop_back();
  for (size_t i = 0; i < marks_.size(); ++i) {
    Stream& stream = streams_[i];
    // A batch continues no group of the batch before.
    stream.open = nullptr;
    while (stream.groups.size() > marks_[i].groups) stream.groups.pop_back();
    stream.file = marks_[i].file;
  }
}

BigDataPlan::Batch BigDataPlan::Plan(const EventBatch& events) {
  Batch batch;
  batch.events = events;
  for (Stream& stream : streams_) stream.open = nullptr;
  for (const Event& event : batch.events) {
    const Status status = PlanEvent(event, &batch.left_out);
    if (status.ok()) continue;
    batch.fault_at = event.index();
    batch.fault = status;
    break;
  }
  return batch;
}

Status BigDataPlan::LeaveOut(Status fault, const Event& event, int stream, const Dgram& dgram,
                             std::vector<Batch::LeftOut>* left_out) const {
  bool goes_on = on_fault_ == dgram::OnFault::kResync;
  if (fault.code() == StatusCode::kDataLoss) {
    // Where the Configure declares no records, no datagram has one.
    const auto& info = streams_[static_cast<size_t>(stream)].info;
    goes_on = on_fault_ != dgram::OnFault::kStop && info.has_value() &&
              info->configuration() == dgram.configuration();
  }
  if (!goes_on) return fault;
  left_out->push_back({event.index(), stream, std::move(fault)});
  return absl::OkStatus();
}

Status BigDataPlan::PlanEvent(const Event& event, std::vector<Batch::LeftOut>* left_out) {
  if (event.stream_count() != stream_count()) {
    return dgram::internal::DataFault("event ", event.index(), " of batch ", batches_planned_, ": ",
                                      event.stream_count(), " streams, expected ", stream_count());
  }
  if (!event.is_l1_accept()) return PlanTransition(event);
  // All records of the event come first: a wrong one must not spoil the groups of those before it.
  records_.assign(streams_.size(), std::nullopt);
  Status status;
  event.ForEachDgram([&](int index, const Dgram& dgram) {
    const Stream& stream = streams_[static_cast<size_t>(index)];
    if (!status.ok() || stream.small_data) return;
    Result<std::optional<SmdRecord>> record = RecordOf(index, dgram);
    if (!record.ok()) {
      status = LeaveOut(record.status(), event, index, dgram, left_out);
    } else if (record->has_value() && (*record)->size > max_dgram_bytes_) {
      status =
          LeaveOut(status::OutOfMemory(stream.file->path, ": byte ", (*record)->offset, " (stream ",
                                       index, ", timestamp ", dgram.timestamp().value(),
                                       "): datagram of ", (*record)->size, " bytes, the limit is ",
                                       max_dgram_bytes_, dgram::internal::kDgramLimitOption),
                   event, index, dgram, left_out);
    } else {
      records_[static_cast<size_t>(index)] = *record;
    }
  });
  ALKAID_RETURN_NOT_OK(status);
  event.ForEachDgram([&](int index, const Dgram& dgram) {
    const auto& record = records_[static_cast<size_t>(index)];
    if (record.has_value()) PlanDgram(index, *record, dgram.configuration());
  });
  return absl::OkStatus();
}

// At least the transition itself lies between the datagrams before and after it.
Status BigDataPlan::PlanTransition(const Event& event) {
  Status status;
  for (Stream& stream : streams_) stream.open = nullptr;
  if (!follow_chunks_) return status;
  event.ForEachDgram([&](int index, const Dgram& dgram) {
    Stream& stream = streams_[static_cast<size_t>(index)];
    if (!status.ok() || stream.small_data || dgram.configuration() == nullptr) return;
    const auto chunk = ChunkInfo::Next(dgram, stream.file->path, stream.file->chunk_id);
    if (!chunk.ok()) {
      dgram::internal::ThrowIfNoMemory(chunk.status());
      status = chunk.status();
      return;
    }
    if (!chunk->has_value()) return;
    stream.file = std::make_shared<BigDataFile>(
        BigDataFile{(*chunk)->PathBeside(stream.file->path), (*chunk)->chunk_id, nullptr});
    steps_.push_back({nullptr, index, batches_planned_, stream.file});
  });
  return status;
}

Result<std::optional<SmdRecord>> BigDataPlan::RecordOf(int index, const Dgram& dgram) {
  Stream& stream = streams_[static_cast<size_t>(index)];
  const auto in_stream = [&](const Status& status) {
    dgram::internal::ThrowIfNoMemory(status);
    return dgram::internal::DataFault("stream ", index, ", timestamp ", dgram.timestamp().value(),
                                      ": ", alkaid::internal::MessageOf(status));
  };
  if (!stream.info.has_value() || stream.info->configuration() != dgram.configuration()) {
    Result<SmdInfo> info = SmdInfo::Find(dgram.configuration());
    if (!info.ok()) return in_stream(info.status());
    stream.info = *std::move(info);
  }
  const Result<SmdRecord> record = stream.info->Read(dgram);
  if (record.ok()) return std::optional<SmdRecord>(*record);
  // A datagram that ends a batch may be in the small data whole.
  if (record.status().code() == StatusCode::kNotFound) {
    if (dgram.service() == dgram::TransitionId::kL1AcceptEndOfBatch) {
      return std::optional<SmdRecord>();
    }
    return in_stream(dgram::internal::DgramFault(dgram, 0, "L1Accept without a small-data record"));
  }
  return in_stream(record.status());
}

void BigDataPlan::PlanDgram(int index, const SmdRecord& record,
                            const std::shared_ptr<const dgram::Configuration>& configuration) {
  Stream& stream = streams_[static_cast<size_t>(index)];
  BigDataGroup* const open = stream.open;
  if (open != nullptr && open->offset + open->nbytes == record.offset &&
      open->nbytes + record.size < chunk_bytes_) {
    open->nbytes += record.size;
    return;
  }
  auto group = std::make_unique<BigDataGroup>();
  group->stream = index;
  group->batch = batches_planned_;
  group->file = stream.file;
  group->offset = record.offset;
  group->nbytes = record.size;
  group->configuration = configuration;
  stream.open = group.get();
  steps_.push_back({group.get(), index, batches_planned_, nullptr});
  stream.groups.push_back(std::move(group));
}

}  // namespace alkaid::events::internal
