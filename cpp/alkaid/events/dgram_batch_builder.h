// DgramBatchBuilder: collects the datagrams of events in one EventBatch.
//
//   DgramBatchBuilder builder(/*stream_count=*/2);
//   ALKAID_RETURN_NOT_OK(builder.Append(0, from_stream_0));
//   ALKAID_RETURN_NOT_OK(builder.Append(1, std::move(owned)));
//   ALKAID_RETURN_NOT_OK(builder.EndEvent());
//   ALKAID_ASSIGN_OR_RAISE(EventBatch batch, builder.Finish());
//
// Datagrams are copied once. One that is moved in is released right after the copy. If it is the
// first of a batch and owns its memory, which is of the builder's pool, it is not copied: its
// memory becomes the start of the batch. Room is reserved for as much as the largest of the last
// batches held, so a steady stream of batches reallocates nothing.
//
// Ownership: owns its bytes until Finish, and the appended datagrams until EndEvent. The pool must
// outlive the builder and its batches.
// Threads: one at a time.
// Out of memory: kResourceExhausted, also where operator new fails, and the builder holds what it
// held; but EndEvent drops the open event. Only the constructor, SetConfiguration, BeginPiece and
// SetPlace throw std::bad_alloc.
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
  // The number of earlier batches that determine what is reserved.
  static constexpr int kRemembered = 4;

  // `pool` null: the default.
  explicit DgramBatchBuilder(int stream_count, PoolHandle pool = {});
  DgramBatchBuilder(const DgramBatchBuilder&) = delete;
  DgramBatchBuilder& operator=(const DgramBatchBuilder&) = delete;

  // Adds the datagram of one stream to the open event, and opens one if none is open. kOutOfRange
  // for a stream that does not exist; kAlreadyExists where the stream has a datagram in the event;
  // kInvalidArgument where the timestamp differs from the event's, or there are 4 GiB or more.
  Status Append(int stream, const dgram::Dgram& dgram) {
    return Append(stream, dgram::Dgram(dgram));
  }
  Status Append(int stream, dgram::Dgram&& dgram);
  // Closes the event. kFailedPrecondition where nothing was appended; kInvalidArgument where the
  // event or the batch exceeds its footer: 4 GiB an event, 2^32 - 1 events.
  Status EndEvent();
  // Drops the open event.
  void DropEvent();

  // The datagram of that stream in the last event, which may be changed before Finish. Null where
  // it has none.
  uint8_t* mutable_last(int stream);

  // Bytes and closed events since the last Finish.
  int64_t length() const { return bytes_.length(); }
  int64_t size() const { return offsets_.length(); }
  int stream_count() const { return static_cast<int>(open_.size()); }

  // Returns all closed events as one batch; the builder starts again. kFailedPrecondition while an
  // event is open.
  Result<EventBatch> Finish();

  // For the innermost loop: one whole event, without owners. `dgrams` has an entry for each stream,
  // of no bytes where it has no datagram. Checks only the sizes; Configurations are those set by
  // SetConfiguration.
  struct DgramBytes {
    const uint8_t* data = nullptr;
    int64_t nbytes = 0;
  };
  Status AppendEvent(std::span<const DgramBytes> dgrams);
  // Makes room for one event of `nbytes`, footer included: then AppendEvent of no more cannot fail.
  // In a fresh batch, makes room for as much as the last ones held.
  Status Reserve(int64_t nbytes);
  // Appends all closed events of another builder with as many streams, under its Configurations.
  Status AppendEvents(const DgramBatchBuilder& other);
  // From the next event on, datagrams of `stream` are under this Configuration, which may be null,
  // and come from `source`, which faults name.
  void SetConfiguration(int stream,
                        const std::shared_ptr<const dgram::Configuration>& configuration,
                        const std::string& source);
  // The same for adjacent datagrams of `source`, the next of them at `byte`, so that faults of the
  // batch's datagrams can name the byte of the source.
  void BeginPiece(int stream, const std::shared_ptr<const dgram::Configuration>& configuration,
                  const std::string& source, int64_t byte);
  // Sets the place of the next datagram of `stream`, where it does not follow the one before.
  static constexpr int64_t kNoPlace = -1;  // the place is not known
  void SetPlace(int stream, int64_t byte);
  // The same for a datagram of the next event.
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

  // From `first_event` on, datagrams of the stream are adjacent in the source, from `byte` on.
  struct Place {
    int64_t first_event;
    int stream;
    int64_t byte;
  };
  class Places;

  void SetStream(int stream, const std::shared_ptr<const dgram::Configuration>& configuration,
                 const std::string& source);
  // EndEvent without the drop.
  Status CloseEvent();
  // Takes over the memory of `dgram` if nobody else holds it and the builder has none; returns
  // whether it did.
  bool Adopt(dgram::Dgram* dgram);
  // Makes a batch without its bytes, and writes the footer past the bytes, where it does not count
  // yet.
  Result<std::shared_ptr<internal::EventBatchData>> PrepareBatch();
  // The bytes as a buffer without unused capacity; null where that cannot be had.
  std::shared_ptr<Buffer> FinishShrunk(int64_t nbytes);
  // Appends an event whose first `adopted` bytes are there already.
  Status Write(std::span<const DgramBytes> dgrams, int64_t adopted);

  const PoolHandle pool_;
  BufferBuilder bytes_;
  // The start of each closed event.
  TypedBufferBuilder<int64_t> offsets_;
  std::vector<Epoch> epochs_;
  // In order of events.
  std::vector<Place> places_;
  // The open event: a datagram for each stream, without data where there is none.
  std::vector<dgram::Dgram> open_;
  bool is_open_ = false;
  // The same without owners; kept here to avoid allocations.
  std::vector<DgramBytes> parts_;
  std::array<int64_t, kRemembered> last_lengths_ = {};
  std::array<int64_t, kRemembered> last_sizes_ = {};
  int next_remembered_ = 0;
};

}  // namespace alkaid::events
