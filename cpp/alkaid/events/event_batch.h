// EventBatch: many events in one immutable block of bytes; Event: what several streams recorded at
// one timestamp.
//
// The block has the format in which an event builder sends events (packet_footer.h). A batch of no
// events has no bytes at all.
//
//   batch   | event 0 | event 1 | ... | size 0 | size 1 | ... | count |
//   event   | datagram of stream 0 | datagram of stream 2 | size 0 | 0 | size 2 | 3 |
//
//   for (const Event& event : batch) {
//     if (event.has(0)) Use(event.dgram(0));
//   }
//
// The datagrams are ordinary views: each keeps the whole batch. Copy the Event, or a Dgram, to keep
// it.
//
// Ownership: values that share one representation; any of them may go first.
// Threads: reading from any thread; as safe to copy as a shared_ptr; an iterator is for one thread.
// Out of memory: Make takes 8 bytes for each event from `pool`, and 16 bytes for each stream for
// each Configure in the batch from operator new: kResourceExhausted where either fails. Nothing
// else allocates. Copying an Event of a watched batch tries to allocate, and goes unwatched without
// memory (dgram/watched_view.h).
#pragma once

#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/events/packet_footer.h"

namespace alkaid::events {

// Whether a datagram of that service is data of an event, and no transition.
constexpr bool IsL1Accept(dgram::TransitionId service) {
  return service == dgram::TransitionId::kL1Accept ||
         service == dgram::TransitionId::kL1AcceptEndOfBatch;
}

namespace internal {

// Shared by a batch and all its events. Immutable once shared.
struct ALKAID_EXPORT EventBatchData {
  // From `first_event` on, until the next epoch, `origins[i]` has the Configuration that the
  // datagrams of stream `i` were recorded under.
  struct Epoch {
    int64_t first_event;
    std::vector<std::shared_ptr<const dgram::DgramOrigin>> origins;
  };

  int64_t Begin(int64_t event) const {
    return dgram::LoadUnaligned<int64_t>(event_offsets->data() + 8 * event);
  }
  const Epoch& EpochOf(int64_t event) const;

  std::shared_ptr<Buffer> buffer;
  // Bytes from the start of `buffer` to each event, and to the end of the last one: int64 each.
  std::shared_ptr<Buffer> event_offsets;
  int64_t size = 0;
  int stream_count = 0;
  // In order; the first begins with event 0.
  std::vector<Epoch> epochs;
};

}  // namespace internal

class ALKAID_EXPORT Event {
 public:
  // No event; may only be assigned to.
  Event() = default;
  // Event `index` of the batch, which must exist.
  Event(std::shared_ptr<const internal::EventBatchData> batch, int64_t index)
      : batch_(std::move(batch)), index_(index) {
    Locate();
    if (alkaid::internal::ViewEventsOn()) [[unlikely]]
      Watch();
  }
  Event(const Event& other)
      : batch_(other.batch_), index_(other.index_), begin_(other.begin_), sizes_(other.sizes_) {
    if (alkaid::internal::ViewEventsOn()) [[unlikely]]
      Watch();
  }
  Event(Event&&) noexcept = default;
  Event& operator=(const Event& other) { return *this = Event(other); }
  Event& operator=(Event&&) noexcept = default;
  ~Event() = default;

  // The index of this event in its batch.
  int64_t index() const { return index_; }
  int stream_count() const { return batch_->stream_count; }
  // Of the first stream that has a datagram; all have the same.
  dgram::Timestamp timestamp() const {
    return dgram::Timestamp(dgram::LoadUnaligned<uint64_t>(begin_));
  }
  dgram::TransitionId service() const { return dgram::DgramHeader::ServiceOf(begin_); }
  bool is_l1_accept() const { return IsL1Accept(service()); }

  // The Configuration of that stream at this event, whether or not it has a datagram here; null
  // where it is not known.
  const std::shared_ptr<const dgram::Configuration>& configuration(int stream) const {
    return batch_->EpochOf(index_).origins[static_cast<size_t>(stream)]->configuration;
  }

  bool has(int stream) const { return dgram_nbytes(stream) > 0; }
  // Bytes of the datagram of that stream; 0 where it has none.
  int64_t dgram_nbytes(int stream) const {
    return dgram::LoadUnaligned<uint32_t>(sizes_ + ptrdiff_t{4} * stream);
  }
  // Only for a stream that has one.
  dgram::Dgram dgram(int stream) const {
    int64_t before = 0;
    for (int i = 0; i < stream; ++i) before += dgram_nbytes(i);
    return DgramAt(stream, begin_ + before);
  }
  // Calls `visit(int stream, dgram::Dgram)` for each stream that has one, in order: cheaper than a
  // call of dgram() for each.
  template <typename Visitor>
  void ForEachDgram(Visitor&& visit) const {
    const uint8_t* at = begin_;
    for (int stream = 0; stream < stream_count(); ++stream) {
      if (!has(stream)) continue;
      visit(stream, DgramAt(stream, at));
      at += dgram_nbytes(stream);
    }
  }

  // The event's bytes, its footer included.
  const uint8_t* data() const { return begin_; }
  int64_t nbytes() const { return batch_->Begin(index_ + 1) - batch_->Begin(index_); }

 private:
  friend class EventIterator;

  void Locate() {
    begin_ = batch_->buffer->data() + batch_->Begin(index_);
    sizes_ = batch_->buffer->data() + batch_->Begin(index_ + 1) -
             PacketFooter::BytesFor(batch_->stream_count);
  }
  // Makes a report of retention see this event, not the whole batch (dgram/watched_view.h).
  void Watch() {
    if (batch_ == nullptr || begin_ == nullptr) return;
    // Not by nbytes(): an iterator at its end shows the event before.
    const uint8_t* const end = sizes_ + PacketFooter::BytesFor(batch_->stream_count);
    dgram::internal::Watch(&batch_, begin_, end - begin_);
  }
  dgram::Dgram DgramAt(int stream, const uint8_t* data) const {
    return dgram::Dgram(batch_->EpochOf(index_).origins[static_cast<size_t>(stream)], data,
                        dgram_nbytes(stream), index_);
  }

  std::shared_ptr<const internal::EventBatchData> batch_;
  int64_t index_ = 0;
  const uint8_t* begin_ = nullptr;
  const uint8_t* sizes_ = nullptr;
};

// The Event that it shows changes as it advances.
class EventIterator {
 public:
  using value_type = Event;
  using difference_type = std::ptrdiff_t;

  EventIterator() = default;
  explicit EventIterator(std::shared_ptr<const internal::EventBatchData> batch) {
    event_.batch_ = std::move(batch);
    Locate();
  }

  const Event& operator*() const { return event_; }
  const Event* operator->() const { return &event_; }
  EventIterator& operator++() {
    ++event_.index_;
    Locate();
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const EventIterator& it, std::default_sentinel_t) { return it.AtEnd(); }

 private:
  bool AtEnd() const { return event_.batch_ == nullptr || event_.index_ == event_.batch_->size; }
  void Locate() {
    if (!AtEnd()) event_.Locate();
  }

  Event event_;
};

class ALKAID_EXPORT EventBatch {
 public:
  // No events.
  EventBatch() = default;
  // A batch that was read or received: all of `buffer`, which the CPU must be able to read
  // (kInvalidArgument). `configurations` has one for each stream, null where it is not known; a
  // Configure in the batch replaces its stream's for what follows. kDataLoss, with `source` and
  // byte, where a footer, an event or a datagram is malformed:
  //   - sizes that do not add up
  //   - a number of streams other than that of `configurations`
  //   - an event without datagrams
  //   - datagrams of one event with different timestamps or services
  //   - a header that disagrees with the footer
  static Result<EventBatch> Make(
      std::shared_ptr<Buffer> buffer,
      const std::vector<std::shared_ptr<const dgram::Configuration>>& configurations,
      const std::string& source = "batch", PoolHandle pool = {});
  // For callers that have checked it.
  explicit EventBatch(std::shared_ptr<const internal::EventBatchData> data)
      : data_(std::move(data)) {
    if (alkaid::internal::ViewEventsOn()) [[unlikely]]
      Watch();
  }

  bool empty() const { return size() == 0; }
  // Events.
  int64_t size() const { return data_ == nullptr ? 0 : data_->size; }
  int stream_count() const { return data_ == nullptr ? 0 : data_->stream_count; }
  // Bytes, footers included.
  int64_t nbytes() const { return data_ == nullptr ? 0 : data_->buffer->size(); }
  // All bytes; null where the batch is empty.
  std::shared_ptr<Buffer> buffer() const { return data_ == nullptr ? nullptr : data_->buffer; }
  // What Make needs to read these bytes again: for each stream, the Configuration of its datagrams
  // up to the first Configure in the batch. kFailedPrecondition where a stream has datagrams of two
  // Configurations and the second Configure is not in the batch, as its bytes alone do not say
  // which. Without memory kResourceExhausted.
  Result<std::vector<std::shared_ptr<const dgram::Configuration>>> configurations() const;

  // Event `index`, which must be below size().
  Event event(int64_t index) const { return Event(data_, index); }
  EventIterator begin() const { return EventIterator(data_); }
  std::default_sentinel_t end() const { return {}; }

 private:
  // The first event from `index` on in which the stream has a datagram; size() where there is none.
  int64_t NextOf(int stream, int64_t index) const;
  // Makes a report of retention see the whole batch, and the times of its events.
  void Watch();

  std::shared_ptr<const internal::EventBatchData> data_;
};

}  // namespace alkaid::events
