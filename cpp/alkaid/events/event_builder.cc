#include "alkaid/events/event_builder.h"

#include <algorithm>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include "alkaid/dgram/data_fault.h"
#include "alkaid/events/filtered_windows_internal.h"

namespace alkaid::events {
namespace {

using dgram::DgramHeader;
using dgram::TransitionId;

constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

// The byte of the source where a stream is.
int64_t PlaceOf(const auto& head) {
  return head.origin->buffer_offset + (head.at - head.origin->buffer->data());
}

}  // namespace

Result<std::unique_ptr<EventBuilder>> EventBuilder::Make(std::shared_ptr<SmdWindowSource> source,
                                                         EventBuilderOptions options) try {
  if (source == nullptr) return status::Invalid("an event builder needs a source, and has null");
  if (options.batch_size > EventBuilderOptions::kMaxEvents) {
    return status::Invalid("batches of ", options.batch_size, " events, the limit is ",
                           EventBuilderOptions::kMaxEvents);
  }
  if (options.batch_size <= 0) options.batch_size = EventBuilderOptions::kMaxEvents;
  return std::unique_ptr<EventBuilder>(new EventBuilder(std::move(source), std::move(options)));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

EventBuilder::EventBuilder(std::shared_ptr<SmdWindowSource> source, EventBuilderOptions options)
    : source_(std::move(source)),
      options_(std::move(options)),
      heads_(static_cast<size_t>(source_->stream_count())),
      parts_(heads_.size()),
      steps_(source_->stream_count(), options_.pool) {
  if (options_.filter_timestamps.has_value()) {
    for (const dgram::Timestamp timestamp : *options_.filter_timestamps) {
      filter_.push_back(timestamp.value());
    }
    std::sort(filter_.begin(), filter_.end());
    filter_.erase(std::unique(filter_.begin(), filter_.end()), filter_.end());
    occurred_.resize(filter_.size());
    source_ = std::make_shared<FilteredWindows>(std::move(source_), filter_);
  }
  if (!options_.destination) {
    building_.push_back({0, std::make_unique<DgramBatchBuilder>(stream_count(), options_.pool)});
  }
}

Result<EventBatches> EventBuilder::Next() try {
  return NextBatches();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<EventBatches> EventBuilder::NextBatches() {
  if (event_count_ == 0 && !options_.destination) SetPlaces(building_.front().builder.get());
  while (fault_.ok() && event_count_ < options_.batch_size) {
    const Result<bool> added = AddEvent();
    if (!added.ok()) {
      // A failure that may pass is reported at once; the events so far are kept for the next call.
      if (dgram::internal::MayPass(added.status())) return added.status();
      fault_ = added.status();
      break;
    }
    if (!*added) break;
  }
  if (event_count_ == 0 && !fault_.ok()) return fault_;
  return Finish();
}

Result<EventBatches> EventBuilder::Finish() {
  // What is finished stays in built_ if the next step fails, and is there when Next is called
  // again.
  built_.destinations.reserve(building_.size());
  if (steps_.size() > 0) {
    ALKAID_ASSIGN_OR_RAISE(built_.steps, steps_.Finish());
  }
  while (built_.destinations.size() < building_.size()) {
    const Building& building = building_[built_.destinations.size()];
    ALKAID_ASSIGN_OR_RAISE(EventBatch batch, building.builder->Finish());
    built_.destinations.push_back({building.destination, std::move(batch)});
  }
  built_.event_count = std::exchange(event_count_, 0);
  return std::exchange(built_, EventBatches());
}

Result<bool> EventBuilder::AddEvent() {
  uint64_t earliest = kNever;
  bool any = false;
  while (true) {
    for (Head& head : heads_) {
      if (!head.settled && !SettleInPiece(&head)) [[unlikely]]
        ALKAID_RETURN_NOT_OK(Settle(static_cast<int>(&head - heads_.data())));
      if (head.at == nullptr) continue;
      earliest = std::min(earliest, head.timestamp);
      any = true;
    }
    if (any) break;
    ALKAID_ASSIGN_OR_RAISE(const bool more, NextWindow());
    if (!more) return false;
  }
  ALKAID_ASSIGN_OR_RAISE(const TransitionId service, Match(earliest));
  ALKAID_RETURN_NOT_OK(Append(earliest, service));

  // The event is complete. Nothing can fail from here on: the next call looks at what follows.
  ++event_count_;
  Head* head = heads_.data();
  for (const DgramBatchBuilder::DgramBytes& part : parts_) {
    if (part.data != nullptr) {
      head->at += part.nbytes;
      head->settled = false;
    }
    ++head;
  }
  return true;
}

Result<bool> EventBuilder::NextWindow() {
  // Without memory for the message, a window that does not fit stays for the next call.
  if (window_.empty() || window_.streams.size() == heads_.size()) {
    ALKAID_ASSIGN_OR_RAISE(window_, source_->Next());
  }
  if (window_.empty()) return false;
  if (window_.streams.size() != heads_.size()) {
    return dgram::internal::DataFault("window of ", window_.streams.size(), " streams, expected ",
                                      heads_.size());
  }
  next_end_ = 0;
  repeats_ = 0;
  for (Head& head : heads_) {
    head.at = head.end = head.known = nullptr;
    head.origin = nullptr;
    head.next_batch = 0;
    head.settled = false;
  }
  return true;
}

void EventBuilder::GoToNextPiece(int stream) {
  Head& head = heads_[static_cast<size_t>(stream)];
  const auto& batches = window_.streams[static_cast<size_t>(stream)];
  auto next = batches.begin() + head.next_batch;
  while (next != batches.end() && next->empty()) ++next;
  if (next == batches.end()) {
    head.next_batch = next - batches.begin();
    head.at = head.end = nullptr;
    return;
  }
  const dgram::DgramOrigin& origin = *next->origin();
  std::string source = origin.source;
  const int64_t byte = next->offset();
  for (const Building& building : building_) {
    building.builder->BeginPiece(stream, origin.configuration, source,
                                 options_.destination ? DgramBatchBuilder::kNoPlace : byte);
  }
  steps_.BeginPiece(stream, origin.configuration, source, byte);

  // Nothing can fail from here on.
  head.next_batch = next - batches.begin() + 1;
  head.at = next->begin()->data();
  head.end = head.at + next->nbytes();
  head.known = head.at;
  head.origin = &origin;
  head.configuration = origin.configuration;
  head.source = std::move(source);
}

inline bool EventBuilder::SettleInPiece(Head* head) {
  if (head->at == head->end) return false;
  const auto timestamp = dgram::LoadUnaligned<uint64_t>(head->at);
  if (timestamp < head->timestamp) return false;
  head->timestamp = timestamp;
  head->settled = true;
  return true;
}

Status EventBuilder::Settle(int stream) {
  Head& head = heads_[static_cast<size_t>(stream)];
  if (head.at == head.end) GoToNextPiece(stream);
  if (head.at == nullptr) {
    head.settled = true;
    return absl::OkStatus();
  }
  if (SettleInPiece(&head)) return absl::OkStatus();
  return Fault(stream, absl::StrCat("timestamp ", dgram::LoadUnaligned<uint64_t>(head.at),
                                    " goes back: before it is ", head.timestamp));
}

void EventBuilder::UseConfiguration(int stream, DgramBatchBuilder* builder) const {
  const Head& head = heads_[static_cast<size_t>(stream)];
  builder->SetConfiguration(stream, head.configuration, head.source);
}

void EventBuilder::SetPlaces(DgramBatchBuilder* builder) const {
  for (int i = 0; i < stream_count(); ++i) {
    const Head& head = heads_[static_cast<size_t>(i)];
    if (head.at == head.end) continue;
    builder->SetPlace(i, PlaceOf(head));
  }
}

void EventBuilder::TellPlaces() {
  DgramBatchBuilder* const builder = building_.front().builder.get();
  Head* head = heads_.data();
  for (const DgramBatchBuilder::DgramBytes& part : parts_) {
    if (part.data != nullptr) {
      if (part.data != head->known) {
        builder->AddPlace(static_cast<int>(head - heads_.data()), PlaceOf(*head));
      }
      head->known = part.data + part.nbytes;
    }
    ++head;
  }
}

Result<TransitionId> EventBuilder::Match(uint64_t timestamp) {
  int first = -1;
  int missing = -1;
  TransitionId service = TransitionId::kClearReadout;
  DgramBatchBuilder::DgramBytes* next_part = parts_.data();
  int i = -1;
  for (const Head& head : heads_) {
    DgramBatchBuilder::DgramBytes& part = *next_part++;
    ++i;
    if (head.at == nullptr || head.timestamp != timestamp) {
      part = {};
      if (missing < 0) missing = i;
      continue;
    }
    part = {head.at, DgramHeader::SizeOf(head.at)};
    const TransitionId own = DgramHeader::ServiceOf(head.at);
    if (first < 0) {
      first = i;
      service = own;
    } else if (own != service && !(IsL1Accept(own) && IsL1Accept(service))) [[unlikely]] {
      ALKAID_RETURN_NOT_OK(NotWhole(i, own, timestamp, ", where stream ", first, service));
      // It becomes an event by itself.
      part = {};
    }
  }
  if (missing >= 0 && !IsL1Accept(service)) [[unlikely]] {
    ALKAID_RETURN_NOT_OK(
        NotWhole(first, service, timestamp, " is missing in stream ", missing, std::nullopt));
  }
  return service;
}

Status EventBuilder::NotWhole(int stream, TransitionId service, uint64_t timestamp, const char* how,
                              int other, std::optional<TransitionId> others) const {
  std::string what =
      absl::StrCat(dgram::TransitionName(service), " at timestamp ", timestamp, how, other);
  if (others.has_value()) absl::StrAppend(&what, " has ", dgram::TransitionName(*others));
  if (options_.on_fault == dgram::OnFault::kStop) return Fault(stream, what);
  if (!options_.on_skip) return absl::OkStatus();
  const Head& head = heads_[static_cast<size_t>(stream)];
  const auto& batches = window_.streams[static_cast<size_t>(stream)];
  int64_t index = -1;
  for (const dgram::Dgram& dgram : batches[static_cast<size_t>(head.next_batch - 1)]) {
    if (dgram.data() == head.at) index = dgram.index();
  }
  options_.on_skip({head.origin->source, PlaceOf(head), 0, index, dgram::Timestamp(timestamp),
                    std::nullopt, what});
  return absl::OkStatus();
}

Status EventBuilder::Fault(int stream, const std::string& what) const {
  const Head& head = heads_[static_cast<size_t>(stream)];
  return dgram::internal::DataFault(head.origin->source, ": byte ", PlaceOf(head), " (stream ",
                                    stream, "): ", what);
}

bool EventBuilder::Wanted(uint64_t timestamp) {
  const uint64_t* const end = filter_.data() + filter_.size();
  const uint64_t* next = filter_.data() + next_filter_;
  while (next != end && *next < timestamp) ++next;
  next_filter_ = static_cast<size_t>(next - filter_.data());
  if (next == end || *next != timestamp) return false;
  occurred_[next_filter_] = true;
  return true;
}

std::vector<dgram::Timestamp> EventBuilder::missing_timestamps() const {
  std::vector<dgram::Timestamp> missing;
  for (size_t i = 0; i < filter_.size(); ++i) {
    if (!occurred_[i]) missing.emplace_back(filter_[i]);
  }
  return missing;
}

Status EventBuilder::Append(uint64_t timestamp, TransitionId service) {
  const bool filters = options_.filter_timestamps.has_value();
  if (IsL1Accept(service)) {
    if (filters && !Wanted(timestamp)) return absl::OkStatus();
    if (filters && !options_.destination) TellPlaces();
    return AppendL1Accept(timestamp);
  }
  SetPlaces(&steps_);
  if (filters && !options_.destination) TellPlaces();
  // All batches get the event or none: first room is made everywhere.
  int64_t nbytes = PacketFooter::BytesFor(stream_count());
  for (const auto& part : parts_) nbytes += part.nbytes;
  ALKAID_RETURN_NOT_OK(steps_.Reserve(nbytes));
  for (const Building& building : building_) {
    ALKAID_RETURN_NOT_OK(building.builder->Reserve(nbytes));
  }
  ALKAID_RETURN_NOT_OK(steps_.AppendEvent(parts_));
  for (const Building& building : building_) {
    ALKAID_RETURN_NOT_OK(building.builder->AppendEvent(parts_));
  }
  return absl::OkStatus();
}

Status EventBuilder::AppendL1Accept(uint64_t timestamp) {
  DgramBatchBuilder* builder = nullptr;
  if (!options_.destination) {
    builder = building_.front().builder.get();
  } else {
    ALKAID_ASSIGN_OR_RAISE(builder, BuilderFor(options_.destination(dgram::Timestamp(timestamp))));
  }
  ALKAID_RETURN_NOT_OK(builder->AppendEvent(parts_));
  if (!window_.ends.empty()) [[unlikely]]
    MarkEnd(timestamp, builder);
  return absl::OkStatus();
}

void EventBuilder::MarkEnd(uint64_t timestamp, DgramBatchBuilder* builder) {
  const auto& ends = window_.ends;
  while (next_end_ < ends.size() && ends[next_end_].timestamp.value() < timestamp) {
    ++next_end_;
    repeats_ = 0;
  }
  if (next_end_ == ends.size() || ends[next_end_].timestamp.value() != timestamp) return;
  uint8_t* const last = builder->mutable_last(ends[next_end_].stream);
  if (last == nullptr || repeats_++ != ends[next_end_].repeat) return;
  last[11] =
      static_cast<uint8_t>((last[11] & 0xf0) | static_cast<int>(TransitionId::kL1AcceptEndOfBatch));
}

Result<DgramBatchBuilder*> EventBuilder::BuilderFor(int destination) {
  for (const Building& building : building_) {
    if (building.destination == destination) return building.builder.get();
  }
  auto builder = std::make_unique<DgramBatchBuilder>(stream_count(), options_.pool);
  // A destination that comes up in the middle of a batch gets the transitions before it.
  ALKAID_RETURN_NOT_OK(builder->AppendEvents(steps_));
  for (int i = 0; i < stream_count(); ++i) {
    UseConfiguration(i, builder.get());
    builder->SetPlace(i, DgramBatchBuilder::kNoPlace);
  }
  building_.push_back({destination, std::move(builder)});
  return building_.back().builder.get();
}

}  // namespace alkaid::events
