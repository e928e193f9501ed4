// EventBuilder: combines what several streams recorded at the same time into events.
//
//   ALKAID_ASSIGN_OR_RAISE(auto reader, SmdReader::Open(paths));
//   ALKAID_ASSIGN_OR_RAISE(auto builder, EventBuilder::Make(std::move(reader)));
//   while (true) {
//     ALKAID_ASSIGN_OR_RAISE(EventBatches built, builder->Next());
//     if (built.done()) break;
//     for (const Event& event : built.batch()) { ... }
//   }
//
// An event is what all streams have at the earliest pending timestamp; streams without a datagram
// of that timestamp are absent from it. A transition must be in every stream, unless the builder
// goes on after faults (`on_fault`), since small data may lack one where something was left out. A
// timestamp that one stream repeats makes a second event. Every value is a valid timestamp, 0
// included.
//
// Where a filter leaves out the L1Accept that ends an exposure, the last L1Accept that it keeps of
// that exposure becomes L1AcceptEndOfBatch. To find it, all windows of a longer exposure are held
// together.
//
// Everything before a fault is delivered before the fault, and the fault stays.
//
// Ownership: shares the source of windows; batches live on their own. The pool must outlive both.
// Threads: one at a time.
// Out of memory: kResourceExhausted from Make and Next, also where operator new fails; nothing is
// lost: Next may be called again and goes on where it was. The same holds for any other failure of
// the source but kDataLoss.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/first_made.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/fault_policy.h"
#include "alkaid/events/dgram_batch_builder.h"
#include "alkaid/events/event_batch.h"
#include "alkaid/events/smd_window.h"

namespace alkaid::events {

struct EventBuilderOptions {
  static constexpr int64_t kMaxEvents = 1'000'000;

  // Events in a batch, transitions included; the last batch may have fewer. 0 or less means
  // kMaxEvents, more is kInvalidArgument.
  int64_t batch_size = 1000;
  // If given, L1Accepts of other timestamps are left out, and transitions are kept. In any order.
  // Events are counted before they are left out: batches get smaller, not later.
  std::optional<std::vector<dgram::Timestamp>> filter_timestamps;
  // If given, returns the batch that an L1Accept goes to. Transitions go to all batches, and also
  // before a destination's first L1Accept if they are of the same batch. A destination that came up
  // once gets a batch from then on.
  std::function<int(const dgram::Timestamp&)> destination;
  // Whether building goes on where a stream lacks a transition (it is then absent from that event),
  // and where datagrams of one timestamp have different services (they then become events one after
  // the other). Nothing is left out for it; `on_skip` gets a Skipped of 0 bytes.
  dgram::OnFault on_fault = dgram::OnFault::kStop;
  dgram::OnSkip on_skip = nullptr;
  // The pool of the batches; null: the default pool.
  PoolHandle pool = {};
};

// The result of one call of EventBuilder::Next.
struct EventBatches {
  struct Destination {
    int destination;
    EventBatch batch;
  };

  // The events that were built, with those that a filter left out. 0 at the end.
  int64_t event_count = 0;
  // One for each destination so far, in the order in which they came up; without a `destination`
  // function one, of destination 0. A batch may be empty.
  std::vector<Destination> destinations;
  // Only the transitions.
  EventBatch steps;

  bool done() const { return event_count == 0; }
  // The batch, where there is no `destination` function. If there is none, makes an empty one, once
  // in a process, which may throw std::bad_alloc.
  const EventBatch& batch() const {
    if (!destinations.empty()) return destinations.front().batch;
    static constinit alkaid::internal::FirstMade<const EventBatch> none;
    return *none.Get([] { return new const EventBatch; });
  }
};

class ALKAID_EXPORT EventBuilder {
 public:
  // kInvalidArgument without a source, or for a batch size over the limit.
  static Result<std::unique_ptr<EventBuilder>> Make(std::shared_ptr<SmdWindowSource> source,
                                                    EventBuilderOptions options = {});
  EventBuilder(const EventBuilder&) = delete;
  EventBuilder& operator=(const EventBuilder&) = delete;

  int stream_count() const { return static_cast<int>(heads_.size()); }
  bool has_destinations() const { return static_cast<bool>(options_.destination); }
  // Timestamps of the filter that no L1Accept had so far; at the end, those that do not occur.
  std::vector<dgram::Timestamp> missing_timestamps() const;
  // The next batches. kDataLoss, naming stream, timestamp and offset, where a stream lacks a
  // transition, a stream's timestamps go backwards, or datagrams of one timestamp have different
  // services.
  Result<EventBatches> Next();

 private:
  // The position of a stream in the window.
  struct Head {
    const uint8_t* at = nullptr;  // null: nothing of it is left in the window
    const uint8_t* end = nullptr;
    // Of the datagram at `at`; where nothing is left, of the last one.
    uint64_t timestamp = 0;
    // The place of its next datagram as the batch assumes it: after the last one that it got.
    // Maintained where a filter leaves some out.
    const uint8_t* known = nullptr;
    int64_t next_batch = 0;
    // Where the bytes above lie; the window keeps it alive.
    const dgram::DgramOrigin* origin = nullptr;
    // Of the latest datagrams, also after the window is gone.
    std::shared_ptr<const dgram::Configuration> configuration;
    std::string source;
    // Whether the datagram at `at` was looked at.
    bool settled = true;
  };
  struct Building {
    int destination;
    std::unique_ptr<DgramBatchBuilder> builder;
  };

  EventBuilder(std::shared_ptr<SmdWindowSource> source, EventBuilderOptions options);

  // Puts one event into the batches. False at the end.
  Result<bool> AddEvent();
  // Goes to the next window that has a datagram. False at the end.
  Result<bool> NextWindow();
  // Reads the datagram that the stream is at. False at the end of a piece, and where the timestamp
  // goes back: then nothing is changed.
  static bool SettleInPiece(Head* head);
  // The same, but goes to the next piece at the end of one.
  Status Settle(int stream);
  // Goes to the next piece that has a datagram, or to none.
  void GoToNextPiece(int stream);
  void UseConfiguration(int stream, DgramBatchBuilder* builder) const;
  // Records the places of the event's datagrams that do not follow those the batch got before. Not
  // where there are destinations, as their batches have parts of everything.
  void TellPlaces();
  // Records the place of the next datagrams of the window for the builder.
  void SetPlaces(DgramBatchBuilder* builder) const;

  // Collects the parts of the event at `timestamp` in parts_.
  Result<dgram::TransitionId> Match(uint64_t timestamp);
  Status Append(uint64_t timestamp, dgram::TransitionId service);
  Status AppendL1Accept(uint64_t timestamp);
  Result<DgramBatchBuilder*> BuilderFor(int destination);
  // Marks the datagram of the last event that ends an exposure, if there is one.
  void MarkEnd(uint64_t timestamp, DgramBatchBuilder* builder);
  bool Wanted(uint64_t timestamp);
  // For a transition that stream `other` lacks, or has with another service: the fault; or OK after
  // on_skip was called, where building goes on.
  Status NotWhole(int stream, dgram::TransitionId service, uint64_t timestamp, const char* how,
                  int other, std::optional<dgram::TransitionId> others) const;
  Status Fault(int stream, const std::string& what) const;
  Result<EventBatches> NextBatches();
  Result<EventBatches> Finish();

  std::shared_ptr<SmdWindowSource> source_;  // of filtered windows, where there is a filter
  const EventBuilderOptions options_;
  // Sorted, without duplicates; which of them occurred; the first that is not before the current
  // event.
  std::vector<uint64_t> filter_;
  std::vector<bool> occurred_;
  size_t next_filter_ = 0;
  SmdWindow window_;
  size_t next_end_ = 0;
  // L1Accepts of that end's timestamp that its stream had so far.
  int64_t repeats_ = 0;
  std::vector<Head> heads_;
  std::vector<DgramBatchBuilder::DgramBytes> parts_;
  std::vector<Building> building_;
  DgramBatchBuilder steps_;
  // The finished parts of the current batches.
  EventBatches built_;
  int64_t event_count_ = 0;
  Status fault_;
};

}  // namespace alkaid::events
