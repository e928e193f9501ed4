// DgramBatchBuilder: gathers the datagrams of events into one EventBatch.
//
//   DgramBatchBuilder builder(/*stream_count=*/2);
//   ALKAID_RETURN_NOT_OK(builder.Append(0, from_stream_0));
//   ALKAID_RETURN_NOT_OK(builder.Append(1, std::move(owned)));
//   ALKAID_RETURN_NOT_OK(builder.EndEvent());
//   ALKAID_ASSIGN_OR_RAISE(EventBatch batch, builder.Finish());
//
// Datagrams are copied, once. One that is moved in is let go as soon as it was copied; where it
// owns its memory, which is of the builder's pool, and opens the batch, that memory becomes the
// start of the batch. Room is reserved for as much as the largest of the last batches held, so a
// steady stream of batches reallocates nothing.
//
// Ownership: owns its bytes until Finish, and the appended datagrams until EndEvent. The pool must
// outlive the builder and its batches.
// Threads: one at a time.
// Out of memory: kResourceExhausted, where operator new has none too, and the builder holds what it
// held; but EndEvent drops the event that was open. Only making a builder, SetConfiguration,
// BeginPiece and SetPlace throw std::bad_alloc.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/events/event_batch.h"

namespace alkaid::events {

class ALKAID_EXPORT DgramBatchBuilder {
 public:
  // Batches that are remembered to reserve for the next.
  static constexpr int kRemembered = 4;

  // `pool` null: the default.
  explicit DgramBatchBuilder(int stream_count, MemoryPool* pool = nullptr);
  DgramBatchBuilder(const DgramBatchBuilder&) = delete;
  DgramBatchBuilder& operator=(const DgramBatchBuilder&) = delete;

  // Adds the datagram of one stream to the event that is open, and opens one where none is.
  // kOutOfRange for a stream that is none; kAlreadyExists where the stream has one;
  // kInvalidArgument where the timestamp differs from the event's, or there are 4 GiB or more.
  Status Append(int stream, const dgram::Dgram& dgram) {
    return Append(stream, dgram::Dgram(dgram));
  }
  Status Append(int stream, dgram::Dgram&& dgram);
  // Closes the event. kFailedPrecondition where nothing was appended; kInvalidArgument where the
  // event or the batch has more than its footer can say: 4 GiB an event, 2^32 - 1 events.
  Status EndEvent();
  // Drops the event that is open.
  void DropEvent();

  // The last event's datagram of that stream, to change before Finish. Null where it has none.
  uint8_t* mutable_last(int stream);

  // Bytes and events closed since the last Finish.
  int64_t length() const { return bytes_.length(); }
  int64_t size() const { return offsets_.length(); }
  int stream_count() const { return static_cast<int>(open_.size()); }

  // All events closed so far as one batch; the builder begins anew. kFailedPrecondition while an
  // event is open.
  Result<EventBatch> Finish();

  // For the innermost loop: one event at once, without owners. `dgrams` has an entry for each
  // stream, of no bytes where it has none. Of what Append and EndEvent check only the sizes are
  // checked, and Configurations are those told by SetConfiguration.
  struct DgramBytes {
    const uint8_t* data = nullptr;
    int64_t nbytes = 0;
  };
  Status AppendEvent(std::span<const DgramBytes> dgrams);
  // Makes room for one event of `nbytes`, footer included: AppendEvent of no more cannot fail
  // then. In a fresh batch, for as much as the last ones held.
  Status Reserve(int64_t nbytes);
  // Appends all closed events of another builder of as many streams, under its Configurations.
  Status AppendEvents(const DgramBatchBuilder& other);
  // From the next event on, datagrams of `stream` are under this Configuration, which may be null,
  // and come from `source`, which faults name.
  void SetConfiguration(int stream,
                        const std::shared_ptr<const dgram::Configuration>& configuration,
                        const std::string& source);
  // The same for datagrams that lie one behind the other in `source`, the next of them at `byte`.
  // So faults of the batch's datagrams can name the byte of the source.
  void BeginPiece(int stream, const std::shared_ptr<const dgram::Configuration>& configuration,
                  const std::string& source, int64_t byte);
  // Says that the next datagram of `stream` lies at `byte`, where not behind the one before.
  static constexpr int64_t kNoPlace = -1;  // it is not known where
  void SetPlace(int stream, int64_t byte);
  // The same, of a datagram that the next event has.
  void AddPlace(int stream, int64_t byte) { places_.push_back({size(), stream, byte}); }

 private:
  struct Stream {
    std::shared_ptr<const dgram::Configuration> configuration;
    std::string source;
  };
  struct Epoch {
    int64_t first_event;
    std::vector<Stream> streams;
  };

  // From `first_event` on, datagrams of the stream lie one behind the other from `byte` on.
  struct Place {
    int64_t first_event;
    int stream;
    int64_t byte;
  };
  class Places;

  void SetStream(int stream, const std::shared_ptr<const dgram::Configuration>& configuration,
                 const std::string& source);
  // The body of EndEvent, without the drop.
  Status CloseEvent();
  // Makes the memory of `dgram` that of the builder, which has none, if nobody else holds it.
  // Answers whether.
  bool Adopt(dgram::Dgram* dgram);
  // Makes a batch without its bytes, and writes the footer after the bytes, which does not count
  // yet.
  Result<std::shared_ptr<internal::EventBatchData>> PrepareBatch();
  // The bytes as a buffer without unused capacity; null where that cannot be had.
  std::shared_ptr<Buffer> FinishShrunk(int64_t nbytes);
  // Appends an event of which the first `adopted` bytes are there already.
  Status Write(std::span<const DgramBytes> dgrams, int64_t adopted);

  MemoryPool* const pool_;
  BufferBuilder bytes_;
  // Where each closed event starts.
  TypedBufferBuilder<int64_t> offsets_;
  std::vector<Epoch> epochs_;
  // In order of events.
  std::vector<Place> places_;
  // The event that is open: a datagram for each stream, without data where there is none.
  std::vector<dgram::Dgram> open_;
  bool is_open_ = false;
  // The same without owners; kept here to allocate nothing.
  std::vector<DgramBytes> parts_;
  std::array<int64_t, kRemembered> last_lengths_ = {};
  std::array<int64_t, kRemembered> last_sizes_ = {};
  int next_remembered_ = 0;
};

}  // namespace alkaid::events
