#include "alkaid/events/event_batch.h"

#include <algorithm>
#include <new>

#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/core/observers/source_note.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/source_times.h"

namespace alkaid::events {
namespace {

using Configurations = std::vector<std::shared_ptr<const dgram::Configuration>>;

// Checks a batch from start to end, and collects the parts of EventBatchData.
class BatchCheck {
 public:
  BatchCheck(std::shared_ptr<Buffer> buffer, const Configurations& configurations,
             const std::string& source, PoolHandle pool)
      : source_(source),
        configurations_(configurations),
        data_(std::make_shared<internal::EventBatchData>()),
        offsets_(pool.OrDefault()) {
    data_->buffer = std::move(buffer);
    data_->stream_count = static_cast<int>(configurations.size());
  }

  Result<std::shared_ptr<const internal::EventBatchData>> Run() {
    const uint8_t* const bytes = data_->buffer->data();
    ALKAID_ASSIGN_OR_RAISE(const PacketFooter footer,
                           PacketFooter::Parse(bytes, data_->buffer->size(), source_, 0));
    if (footer.count() == 0)
      return dgram::internal::DataFault(source_, ": byte 0: footer of no events");
    ALKAID_RETURN_NOT_OK(offsets_.Reserve(footer.count() + 1));
    BeginEpoch(0);
    for (int64_t i = 0; i < footer.count(); ++i) {
      ALKAID_RETURN_NOT_OK(CheckEvent(i, footer.size(i)));
      offsets_.UnsafeAppend(at_);
      at_ += footer.size(i);
    }
    offsets_.UnsafeAppend(at_);
    data_->size = footer.count();
    ALKAID_ASSIGN_OR_RAISE(data_->event_offsets, offsets_.Finish());
    return std::shared_ptr<const internal::EventBatchData>(std::move(data_));
  }

 private:
  template <typename... Args>
  Status Fault(int64_t event, int64_t byte, const Args&... what) const {
    return dgram::internal::DataFault(source_, ": byte ", byte, " (event ", event, " at byte ", at_,
                                      "): ", what...);
  }

  void BeginEpoch(int64_t first_event) {
    auto& epochs = data_->epochs;
    internal::EventBatchData::Epoch epoch{first_event, {}};
    for (size_t i = 0; i < configurations_.size(); ++i) {
      if (!epochs.empty() && epochs.back().origins[i]->configuration == configurations_[i]) {
        epoch.origins.push_back(epochs.back().origins[i]);
        continue;
      }
      epoch.origins.push_back(std::make_shared<const dgram::DgramOrigin>(
          dgram::DgramOrigin{data_->buffer, configurations_[i], source_}));
    }
    if (!epochs.empty() && epochs.back().first_event == first_event) epochs.pop_back();
    epochs.push_back(std::move(epoch));
  }

  Status CheckEvent(int64_t event, int64_t nbytes) {
    const uint8_t* const bytes = data_->buffer->data();
    ALKAID_ASSIGN_OR_RAISE(const PacketFooter footer,
                           PacketFooter::Parse(bytes + at_, nbytes, source_, at_));
    if (footer.count() != data_->stream_count) {
      return Fault(event, at_, "footer of ", footer.count(), " streams, expected ",
                   data_->stream_count);
    }
    int64_t at = at_;
    const uint8_t* first = nullptr;
    bool configured = false;
    for (int stream = 0; stream < data_->stream_count; ++stream) {
      const int64_t size = footer.size(stream);
      if (size == 0) continue;
      ALKAID_RETURN_NOT_OK(dgram::CheckDgramHeader(bytes + at, size, source_, at, event));
      if (dgram::DgramHeader::SizeOf(bytes + at) != size) {
        return Fault(event, at, "datagram of ", dgram::DgramHeader::SizeOf(bytes + at),
                     " bytes, its footer says ", size);
      }
      if (first == nullptr) first = bytes + at;
      const auto timestamp = dgram::LoadUnaligned<uint64_t>(bytes + at);
      if (timestamp != dgram::LoadUnaligned<uint64_t>(first)) {
        return Fault(event, at, "timestamp ", timestamp, " of stream ", stream, ", the event has ",
                     dgram::LoadUnaligned<uint64_t>(first));
      }
      const dgram::TransitionId service = dgram::DgramHeader::ServiceOf(bytes + at);
      const dgram::TransitionId of_event = dgram::DgramHeader::ServiceOf(first);
      if (service != of_event && !(IsL1Accept(service) && IsL1Accept(of_event))) {
        return Fault(event, at, dgram::TransitionName(service), " of stream ", stream,
                     ", the event is ", dgram::TransitionName(of_event));
      }
      if (service == dgram::TransitionId::kConfigure) {
        ALKAID_RETURN_NOT_OK(ReadConfigure(event, stream, at));
        configured = true;
      }
      at += size;
    }
    if (first == nullptr) return Fault(event, at_, "no stream has a datagram");
    if (configured) BeginEpoch(event);
    return absl::OkStatus();
  }

  Status ReadConfigure(int64_t event, int stream, int64_t at) {
    ALKAID_ASSIGN_OR_RAISE(const dgram::Dgram configure,
                           dgram::Dgram::Make(data_->buffer, at, nullptr, source_, event));
    configurations_[static_cast<size_t>(stream)] = configure.configuration();
    return absl::OkStatus();
  }

  const std::string& source_;
  Configurations configurations_;
  std::shared_ptr<internal::EventBatchData> data_;
  TypedBufferBuilder<int64_t> offsets_;
  // The start of the event under check.
  int64_t at_ = 0;
};

}  // namespace

const internal::EventBatchData::Epoch& internal::EventBatchData::EpochOf(int64_t event) const {
  if (epochs.size() == 1) [[likely]]
    return epochs.front();
  const auto after =
      std::upper_bound(epochs.begin(), epochs.end(), event,
                       [](int64_t index, const Epoch& epoch) { return index < epoch.first_event; });
  return *std::prev(after);
}

namespace {

// Names no place: the datagrams of several streams are mixed.
void TellSourceOf(const internal::EventBatchData& batch) noexcept {
  try {
    const uint8_t* const bytes = batch.buffer->data();
    dgram::internal::SourceTimes times;
    for (int64_t i = 0; i < batch.size; ++i) {
      const int64_t at = batch.Begin(i);
      times.Add(at, dgram::Timestamp(dgram::LoadUnaligned<uint64_t>(bytes + at)));
    }
    const std::string& source = batch.epochs.front().origins.front()->source;
    alkaid::internal::NotifySourceNote({bytes, batch.buffer->size(), source, -1, times.marks()});
  } catch (const std::bad_alloc&) {
    // The report then names no source.
  }
}

}  // namespace

int64_t EventBatch::NextOf(int stream, int64_t index) const {
  while (index < size() && !event(index).has(stream)) ++index;
  return index;
}

Result<std::vector<std::shared_ptr<const dgram::Configuration>>> EventBatch::configurations() const
    try {
  Configurations first;
  if (empty()) return first;
  const auto& epochs = data_->epochs;
  for (const auto& origin : epochs.front().origins) first.push_back(origin->configuration);
  for (size_t epoch = 1; epoch < epochs.size(); ++epoch) {
    for (int stream = 0; stream < stream_count(); ++stream) {
      const auto& before = epochs[epoch - 1].origins[static_cast<size_t>(stream)]->configuration;
      const auto& here = epochs[epoch].origins[static_cast<size_t>(stream)]->configuration;
      if (before == here) continue;
      if (before != nullptr && here != nullptr && before->DeclaresTheSame(*here)) continue;
      // The stream's first datagram from here on must be the Configure.
      const int64_t at = NextOf(stream, epochs[epoch].first_event);
      if (at == size() || event(at).service() == dgram::TransitionId::kConfigure) continue;
      // No datagram in the batch belongs to the earlier Configuration.
      if (NextOf(stream, 0) == at) {
        first[static_cast<size_t>(stream)] = here;
        continue;
      }
      return status::FailedPrecondition("stream ", stream, " has datagrams of another ",
                                        "Configuration from event ", at, " of ", size(),
                                        " on, and its Configure is not in the batch");
    }
  }
  return first;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

void EventBatch::Watch() {
  if (empty() || data_->buffer == nullptr) return;
  if (!data_->epochs.empty() && data_->stream_count > 0) TellSourceOf(*data_);
  dgram::internal::Watch(&data_, data_->buffer->data(), data_->buffer->size());
}

Result<EventBatch> EventBatch::Make(
    std::shared_ptr<Buffer> buffer,
    const std::vector<std::shared_ptr<const dgram::Configuration>>& configurations,
    const std::string& source, PoolHandle pool) try {
  if (buffer == nullptr) return status::Invalid("a batch of events needs a buffer, and has null");
  if (!buffer->is_cpu()) {
    return status::Invalid(
        "a batch of events needs a buffer that the CPU can read; this one is on ",
        buffer->device()->ToString());
  }
  if (buffer->size() == 0) return EventBatch();
  BatchCheck check(std::move(buffer), configurations, source, std::move(pool));
  ALKAID_ASSIGN_OR_RAISE(auto data, check.Run());
  return EventBatch(std::move(data));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::events
