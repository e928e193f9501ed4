#include "alkaid/dgram/ring_source.h"

#include <new>
#include <utility>

#include "alkaid/dgram/dgram.h"

namespace alkaid::dgram {

RingSource::RingSource(std::shared_ptr<SlotRing> ring, Take take, RingSourceOptions options)
    : ring_(std::move(ring)), take_(std::move(take)), options_(std::move(options)) {}

RingSource::~RingSource() {
  if (taken_.has_value() && ring_->InItsProcess()) ring_->give_back_(taken_->index);
}

Result<std::unique_ptr<RingSource>> RingSource::Make(std::shared_ptr<SlotRing> ring, Take take,
                                                     RingSourceOptions options) try {
  if (ring == nullptr) return status::Invalid("a source of slots needs a ring, and has null");
  if (!take) return status::Invalid(ring->name(), ": a source needs a callback that takes slots");
  return std::unique_ptr<RingSource>(
      new RingSource(std::move(ring), std::move(take), std::move(options)));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<DgramBatch> RingSource::Next() try {
  while (true) {
    if (!fault_.ok()) return fault_;
    if (reader_ == nullptr) {
      if (!ended_) ALKAID_RETURN_NOT_OK(BeginSlot());
      if (ended_) return DgramBatch();
    }
    Result<DgramBatch> batch = reader_->Next();
    if (!batch.ok()) {
      if (batch.status().code() != StatusCode::kDataLoss) return batch;
      if (options_.on_fault != OnFault::kStop) {
        SkipRest(batch.status());
        continue;
      }
      fault_ = batch.status();
      reader_ = nullptr;
      return batch;
    }
    options_.configuration = reader_->configuration();
    options_.first_index = reader_->next_index();
    // From here on only views pin the slot.
    if (reader_->position() == reader_->end()) reader_ = nullptr;
    if (batch->empty()) continue;
    if (options_.on_fault != OnFault::kStop) {
      for (const Dgram& dgram : *batch) previous_ = dgram.timestamp();
    }
    return batch;
  }
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status RingSource::BeginSlot() {
  if (lent_ == nullptr) {
    ALKAID_RETURN_NOT_OK(TakeSlot());
    if (ended_) return absl::OkStatus();
    Result<std::shared_ptr<Buffer>> lent = ring_->Lend(*taken_);
    if (lent.status().code() == StatusCode::kResourceExhausted) return lent.status();
    const RingSlot slot = *std::exchange(taken_, std::nullopt);
    if (lent.status().code() == StatusCode::kInvalidArgument) ring_->give_back_(slot.index);
    ALKAID_RETURN_NOT_OK(lent);
    index_ = slot.index;
    lent_ = *std::move(lent);
  }
  BatchReaderOptions reading;
  reading.name = absl::StrCat(ring_->name(), " slot ", index_);
  reading.configuration = options_.configuration;
  reading.require_configuration = options_.require_configuration;
  reading.first_index = options_.first_index;
  reading.on_fault = options_.on_fault;
  reading.on_skip = [this](const Skipped& skipped) { Note(skipped); };
  // No limit, since the bytes are in memory already.
  reading.max_dgram_bytes = INT64_MAX;
  ALKAID_ASSIGN_OR_RAISE(reader_, BatchReader::Open(lent_, std::move(reading)));
  lent_ = nullptr;
  slot_counted_ = false;
  return absl::OkStatus();
}

void RingSource::SkipRest(const Status& fault) {
  Note({.source = absl::StrCat(ring_->name(), " slot ", index_),
        .byte = reader_->position(),
        .nbytes = reader_->end() - reader_->position(),
        .dgram_index = reader_->next_index(),
        .timestamp = {},
        .previous = {},
        .why = alkaid::internal::MessageOf(fault)});
  options_.configuration = reader_->configuration();
  options_.first_index = reader_->next_index() + 1;
  reader_ = nullptr;
}

void RingSource::Note(Skipped skipped) {
  // A reader of one slot does not know what the slot before had.
  if (!skipped.previous.has_value()) skipped.previous = previous_;
  if (options_.on_skip) options_.on_skip(skipped);
  ++skipped_.places;
  skipped_.nbytes += skipped.nbytes;
  if (!std::exchange(slot_counted_, true)) ++skipped_.slots;
}

Status RingSource::TakeSlot() {
  if (taken_.has_value()) return absl::OkStatus();
  // The child could neither lend such a slot nor give it back, and its owner would lose it.
  if (!ring_->InItsProcess()) {
    return status::FailedPrecondition(ring_->name(),
                                      ": its slots belong to the process that made the ring, and "
                                      "this one was forked from it");
  }
  ALKAID_RETURN_NOT_OK(ring_->CheckNotFull());
  ALKAID_ASSIGN_OR_RAISE(taken_, take_());
  ended_ = !taken_.has_value();
  return absl::OkStatus();
}

}  // namespace alkaid::dgram
