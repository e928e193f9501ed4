// BigDataEvent: an event with the datagrams themselves, of which small data only state the place.
//
// Each datagram is a view: an L1Accept of the block that its group was read into, a transition of
// the batch of small data. Streams that recorded nothing are absent.
//
// Ownership: a value that is reused for one event after the other; copy a Dgram to keep it, and
// with it its block.
// Threads: as safe as a vector of Dgrams. Out of memory: copying one throws std::bad_alloc, and
// changes nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "alkaid/dgram/dgram.h"
#include "alkaid/events/event_batch.h"

namespace alkaid::events {
namespace internal {
class GroupReader;
}

class BigDataEvent {
 public:
  BigDataEvent() = default;
  BigDataEvent(const BigDataEvent&) = default;
  BigDataEvent(BigDataEvent&&) noexcept = default;
  BigDataEvent& operator=(const BigDataEvent& other) { return *this = BigDataEvent(other); }
  BigDataEvent& operator=(BigDataEvent&&) noexcept = default;
  ~BigDataEvent() = default;

  // The index of the event in its reader, and that of its batch of small data, from 0. All members
  // from here on: only once a reader has filled the event.
  int64_t index() const { return index_; }
  int64_t batch_index() const { return batch_; }
  dgram::Timestamp timestamp() const { return small_data_.timestamp(); }
  dgram::TransitionId service() const { return small_data_.service(); }
  bool is_l1_accept() const { return small_data_.is_l1_accept(); }

  int stream_count() const { return static_cast<int>(dgrams_.size()); }
  bool has(int stream) const { return dgram(stream).data() != nullptr; }
  // A Dgram without data where the stream has none.
  const dgram::Dgram& dgram(int stream) const { return dgrams_[static_cast<size_t>(stream)]; }
  // The event of small data that it was read by.
  const Event& small_data() const { return small_data_; }

 private:
  friend class internal::GroupReader;

  int64_t index_ = 0;
  int64_t batch_ = 0;
  Event small_data_;
  std::vector<dgram::Dgram> dgrams_;
};

}  // namespace alkaid::events
