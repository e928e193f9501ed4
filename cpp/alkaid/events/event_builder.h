// EventBuilder: puts together what several streams recorded at the same time.
//
//   ALKAID_ASSIGN_OR_RAISE(auto reader, SmdReader::Open(paths));
//   ALKAID_ASSIGN_OR_RAISE(auto builder, EventBuilder::Make(std::move(reader)));
//   while (true) {
//     ALKAID_ASSIGN_OR_RAISE(EventBatches built, builder->Next());
//     if (built.done()) break;
//     for (const Event& event : built.batch()) { ... }
//   }
//
// An event is what all streams have at the earliest timestamp that is waiting; streams without a
// datagram of that timestamp are absent from it. A transition must be in every stream, unless the
// builder goes on after faults (`on_fault`): small data of which something was left out may lack
// it. A timestamp that one stream repeats makes a second event. Any timestamp is one, 0 included.
//
// Where a filter leaves out the L1Accept that ends an exposure, the last that it keeps of that
// exposure becomes L1AcceptEndOfBatch. To know which that is, the windows of an exposure that is
// longer than one are held together.
//
// Everything before a fault is delivered before the fault, and the fault stays.
//
// Ownership: shares the source of windows; batches live on their own. The pool must outlive both.
// Threads: one at a time.
// Out of memory: kResourceExhausted from Make and Next, where operator new has none too, and
// nothing is lost: Next may be called again, and goes on where it was. So it may after any other
// failure of the source that is no kDataLoss.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
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
  static constexpr int64_t kMostEvents = 1'000'000;

  // Events of a batch, transitions included; the last may have fewer. 0 or less is kMostEvents,
  // more is kInvalidArgument.
  int64_t batch_size = 1000;
  // Where given, L1Accepts of other timestamps are left out, and transitions are kept. In any
  // order. Events are counted before they are left out: batches get smaller, not later.
  std::optional<std::vector<dgram::Timestamp>> filter_timestamps;
  // Where given, says to which batch an L1Accept goes; transitions go to all of them, in front of a
  // destination's first L1Accept too as far as they are of the same batch. A destination that came
  // up once gets a batch from then on.
  std::function<int(const dgram::Timestamp&)> destination;
  // Whether building goes on where a transition is missing in a stream, which is then absent from
  // its event, and where datagrams of one timestamp have different services, which are then events
  // one after the other. Nothing is left out for it; who is told gets a Skipped of 0 bytes.
  dgram::OnFault on_fault = dgram::OnFault::kStop;
  dgram::OnSkip on_skip = nullptr;
  // Where batches come from; null: the default pool.
  MemoryPool* pool = nullptr;
};

// What one call of EventBuilder::Next gives.
struct EventBatches {
  struct Destination {
    int destination;
    EventBatch batch;
  };

  // Events gathered, those that a filter left out included. 0 at the end.
  int64_t event_count = 0;
  // One for each destination so far, in the order in which they came up; one, of destination 0,
  // where no destinations are told apart. A batch may be empty.
  std::vector<Destination> destinations;
  // The transitions alone.
  EventBatch steps;

  bool done() const { return event_count == 0; }
  // Where no destinations are told apart: the batch. Makes an empty one where there is none, once
  // in a process: std::bad_alloc.
  const EventBatch& batch() const {
    if (!destinations.empty()) return destinations.front().batch;
    static constinit alkaid::internal::FirstMade<const EventBatch> none;
    return *none.Get([] { return new const EventBatch; });
  }
};

class ALKAID_EXPORT EventBuilder {
 public:
  // kInvalidArgument for no source, or a batch size over the limit.
  static Result<std::unique_ptr<EventBuilder>> Make(std::shared_ptr<SmdWindowSource> source,
                                                    EventBuilderOptions options = {});
  EventBuilder(const EventBuilder&) = delete;
  EventBuilder& operator=(const EventBuilder&) = delete;

  int stream_count() const { return static_cast<int>(heads_.size()); }
  bool has_destinations() const { return static_cast<bool>(options_.destination); }
  // Timestamps of the filter that no L1Accept had so far; at the end: those that occur nowhere.
  std::vector<dgram::Timestamp> missing_timestamps() const;
  // The next batches. kDataLoss, naming stream, timestamp and offset, where a transition is missing
  // in a stream, a stream's timestamps go backwards, or datagrams of one timestamp have different
  // services.
  Result<EventBatches> Next();

 private:
  // Where a stream stands in the window.
  struct Head {
    const uint8_t* at = nullptr;  // null: nothing of it is left in the window
    const uint8_t* end = nullptr;
    // Of that datagram; where nothing is left, of the last.
    uint64_t timestamp = 0;
    // Where its next datagram lies as far as the batch knows: after the last one that it got. Kept
    // where a filter leaves some out.
    const uint8_t* known = nullptr;
    int64_t next_batch = 0;
    // Where the bytes above lie; the window holds it.
    const dgram::DgramOrigin* origin = nullptr;
    // Of the latest datagrams, also when the window is gone.
    std::shared_ptr<const dgram::Configuration> configuration;
    std::string source;
    // Whether the stream was looked at where it stands.
    bool settled = true;
  };
  struct Building {
    int destination;
    std::unique_ptr<DgramBatchBuilder> builder;
  };

  EventBuilder(std::shared_ptr<SmdWindowSource> source, EventBuilderOptions options);

  // Puts one event into the batches. False at the end.
  Result<bool> AddEvent();
  // Goes to the next window that has something. False at the end.
  Result<bool> NextWindow();
  // The next window, its marks at L1Accepts that the filter keeps.
  Result<SmdWindow> NextFilteredWindow();
  Result<std::vector<SmdWindow::EndOfBatch>> FilterEnds();
  // Whether the exposure that goes on behind that window ends, and no L1Accept of it is kept more.
  Result<bool> ExposureEndsWithoutMore();
  // Makes window `index` of ahead_ be there.
  Status LookAhead(size_t index);
  // Reads the datagram that the stream stands at. False where a piece is through, or the
  // timestamp goes back: then nothing is changed.
  static bool SettleInPiece(Head* head);
  // The same, going to its next piece where one is through.
  Status Settle(int stream);
  // Goes to its next piece that has something, or to none.
  void GoToNextPiece(int stream);
  void UseConfiguration(int stream, DgramBatchBuilder* builder) const;
  // Says where the datagrams of the event under way lie, where not after those that the batch got
  // before. Not where destinations are told apart: their batches have a bit of everything.
  void TellPlaces();
  // Says where the next datagrams of the window lie that the builder gets.
  void SetPlaces(DgramBatchBuilder* builder) const;

  // Gathers in parts_ what the event at `timestamp` consists of.
  Result<dgram::TransitionId> Match(uint64_t timestamp);
  Status Append(uint64_t timestamp, dgram::TransitionId service);
  Status AppendL1Accept(uint64_t timestamp);
  Result<DgramBatchBuilder*> BuilderFor(int destination);
  // Marks the datagram of the event that was appended last, where it ends an exposure.
  void MarkEnd(uint64_t timestamp, DgramBatchBuilder* builder);
  bool Wanted(uint64_t timestamp);
  bool IsInFilter(dgram::Timestamp timestamp) const;
  // For an event of a transition that stream `other` lacks, or has otherwise: the fault; or OK once
  // on_skip was told, where building goes on.
  Status NotWhole(int stream, dgram::TransitionId service, uint64_t timestamp, const char* how,
                  int other, std::optional<dgram::TransitionId> others) const;
  Status Fault(int stream, const std::string& what) const;
  Result<EventBatches> NextBatches();
  Result<EventBatches> Finish();

  const std::shared_ptr<SmdWindowSource> source_;
  const EventBuilderOptions options_;
  // Sorted, each once; which of them occurred; the first that is not before the event under way.
  std::vector<uint64_t> filter_;
  std::vector<bool> occurred_;
  size_t next_filter_ = 0;
  // Windows that were looked at to place the marks of a filtered run, or what came in their stead.
  std::deque<Result<SmdWindow>> ahead_;

  SmdWindow window_;
  size_t next_end_ = 0;
  // L1Accepts of the timestamp of that end which its stream had so far.
  int64_t repeats_ = 0;
  std::vector<Head> heads_;
  std::vector<DgramBatchBuilder::DgramBytes> parts_;
  std::vector<Building> building_;
  DgramBatchBuilder steps_;
  // What is finished of the batches under way.
  EventBatches built_;
  int64_t event_count_ = 0;
  Status fault_;
};

}  // namespace alkaid::events
