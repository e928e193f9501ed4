// Any bytes, as small data of several streams: read in chunks, cut into windows, built into events.
// The result must not depend on how they were read, and must contain what the streams contain.
//
// The first bytes are parameters: streams, batch size, bytes of a chunk, window size, integrating
// stream, and bits of Way. Then come the streams, each but the last after two bytes of its length,
// without the Configure that they begin with, which is the same for all.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/events/event_builder.h"
#include "alkaid/events/smd_reader.h"
#include "fixtures/made_streams.h"

namespace {

using alkaid::Buffer;
using alkaid::Result;
using alkaid::Status;
using alkaid::dgram::BatchReader;
using alkaid::events::EventBatch;
using alkaid::events::EventBatches;
using alkaid::events::EventBuilder;
using alkaid::events::EventBuilderOptions;
using alkaid::events::SmdReader;
using alkaid::events::SmdReaderOptions;
using alkaid::events::SmdWindow;

using Streams = std::vector<std::shared_ptr<Buffer>>;

void Require(bool truth, const char* what) {
  if (truth) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// The test, in the two lowest bits, and variants of it.
enum Way : uint8_t {
  kCompareReads = 0,
  kCheckWindows = 1,
  kBuildSome = 2,
  kWhat = 3,
  kFakeSteps = 4,     // in windows
  kFilter = 4,        // on the built events
  kDestinations = 8,  // for the built events
  kAsItIs = 128,      // the streams are complete: no Configure is added
};

struct Input {
  uint8_t way;
  EventBuilderOptions building;
  SmdReaderOptions reading;
  Streams streams;
};

constexpr size_t kHead = 6;

Input Parse(const uint8_t* data, size_t size) {
  Input input;
  const uint8_t* const head = data;
  data += kHead;
  size -= kHead;
  static const std::string configure = alkaid::events::fixtures::SmdConfigure();
  input.way = head[5];
  const int count = head[0] % 4 + 1;
  input.building.batch_size = head[1];
  input.reading.chunk_bytes = 1 + head[2] * 8;
  input.reading.batch_size = 1 + head[3] % 16;
  input.reading.integrating_stream = head[4] % (count + 1) - 1;
  input.reading.integrating_delta = head[4] / 8;
  input.reading.max_pending_bytes = 1 + head[3] * 16;
  for (int i = 0; i < count; ++i) {
    size_t length = size;
    if (i + 1 < count && size >= 2) {
      length = std::min<size_t>(size - 2, data[0] | data[1] << 8);
      data += 2;
      size -= 2;
    }
    std::string stream = (input.way & kAsItIs) != 0 ? "" : configure;
    stream.append(data, data + length);
    input.streams.push_back(Buffer::FromString(std::move(stream)));
    data += length;
    size -= length;
  }
  return input;
}

Result<std::unique_ptr<SmdReader>> Open(const Input& input, int64_t chunk_bytes) {
  std::vector<std::unique_ptr<BatchReader>> readers;
  for (const auto& stream : input.streams) {
    alkaid::dgram::BatchReaderOptions options;
    options.batch_bytes = chunk_bytes;
    ALKAID_ASSIGN_OR_RAISE(auto reader, BatchReader::Open(stream, options));
    readers.push_back(std::move(reader));
  }
  SmdReaderOptions options = input.reading;
  options.chunk_bytes = chunk_bytes;
  return SmdReader::Open(std::move(readers), options);
}

struct Built {
  std::string events;
  int64_t dgrams = 0;
  Status status;
};

// The bytes of all events, one after the other, without the footers of batches.
void Add(const EventBatches& built, Built* all) {
  int64_t steps = 0;
  for (const auto& event : built.batch()) {
    int present = 0;
    event.ForEachDgram([&](int stream, const alkaid::dgram::Dgram& dgram) {
      Require(event.has(stream) && dgram.timestamp() == event.timestamp(),
              "a datagram is elsewhere");
      ++present;
    });
    Require(present > 0, "an event of nothing");
    Require(event.is_l1_accept() || present == event.stream_count(), "a transition is incomplete");
    steps += !event.is_l1_accept();
    all->dgrams += present;
    all->events.append(event.data(), event.data() + event.nbytes());
  }
  Require(built.steps.size() == steps, "a step batch has other transitions");
  Require(built.event_count == built.batch().size(), "events were lost");
  if (built.batch().empty()) return;
  std::vector<std::shared_ptr<const alkaid::dgram::Configuration>> none(
      static_cast<size_t>(built.batch().stream_count()));
  const auto read = EventBatch::Make(built.batch().buffer(), none);
  // A Configure inside may be malformed: the reader of the streams checks that first.
  Require(read.ok() && read->size() == built.batch().size(), "a batch cannot be read again");
}

Built BuildAll(const Input& input, int64_t chunk_bytes) {
  Built all;
  auto reader = Open(input, chunk_bytes);
  if (!reader.ok()) {
    all.status = reader.status();
    return all;
  }
  auto builder = *EventBuilder::Make(*std::move(reader), input.building);
  while (true) {
    const Result<EventBatches> built = builder->Next();
    all.status = built.status();
    if (!built.ok() || built->done()) return all;
    Add(*built, &all);
  }
}

// Events of some timestamps, sorted by destination: each must be in its place, and those that the
// filter leaves out nowhere.
void BuildSome(Input input) {
  const auto wanted = [](uint64_t timestamp) { return timestamp % 3 != 0; };
  const auto destination_of = [](uint64_t timestamp) {
    return static_cast<int>(timestamp % 4 / 2);
  };
  const bool filtered = (input.way & kFilter) != 0;
  const bool told_apart = (input.way & kDestinations) != 0;
  if (filtered) {
    input.building.filter_timestamps.emplace();
    for (uint64_t i = 64; i-- > 0;) {
      if (wanted(i)) input.building.filter_timestamps->emplace_back(i);
    }
  }
  if (told_apart) {
    input.building.destination = [&](const alkaid::dgram::Timestamp& timestamp) {
      return destination_of(timestamp.value());
    };
  }
  auto reader = Open(input, input.reading.chunk_bytes);
  if (!reader.ok()) return;
  auto builder = *EventBuilder::Make(*std::move(reader), input.building);
  while (true) {
    const Result<EventBatches> built = builder->Next();
    if (!built.ok() || built->done()) return;
    Require(built->steps.size() <= built->event_count, "there are more steps than events");
    for (const auto& [destination, batch] : built->destinations) {
      Require(batch.size() <= built->event_count, "a batch has more events than there are");
      for (const auto& event : batch) {
        if (!event.is_l1_accept()) continue;
        const uint64_t timestamp = event.timestamp().value();
        Require(!filtered || (timestamp < 64 && wanted(timestamp)), "an event was to be left out");
        Require(!told_apart || destination == destination_of(timestamp),
                "an event is in the batch of another destination");
      }
    }
  }
}

// Every window must end later than the one before, and contain nothing later than its end.
void CheckWindows(Input input) {
  input.reading.fake_steps = (input.way & kFakeSteps) != 0;
  auto reader = Open(input, input.reading.chunk_bytes);
  if (!reader.ok()) return;
  int64_t nbytes = 0;
  for (int i = 0; i < (*reader)->stream_count(); ++i) nbytes += (*reader)->configure(i).size();
  alkaid::dgram::Timestamp before;
  bool first = true;
  while (true) {
    const Result<SmdWindow> window = (*reader)->Next();
    if (!window.ok() || window->empty()) break;
    Require(first || window->limit > before, "a window ends where the one before did");
    nbytes += window->nbytes();
    Require(input.reading.fake_steps || (*reader)->position() == nbytes,
            "the reader is elsewhere than what it gave");
    for (const auto& stream : window->streams) {
      for (const auto& batch : stream) {
        for (const auto& dgram : batch) {
          Require(dgram.timestamp() <= window->limit, "a datagram is later than its window");
          Require(first || dgram.timestamp() > before, "a datagram belongs to an earlier window");
        }
      }
    }
    const auto message = alkaid::events::Pack(*window);
    Require(message.ok(), "a window cannot be packed");
    const auto again = alkaid::events::Unpack(*message, window->configurations);
    // A Configure in the middle is parsed again, and was parsed before.
    Require(again.ok() && again->size() == window->size(), "a message cannot be unpacked");
    before = window->limit;
    first = false;
  }
  Require((*reader)->position() <= (*reader)->total_bytes(), "windows hold more than the streams");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < kHead + 2) return 0;
  const Input input = Parse(data, size);
  switch (input.way & kWhat) {
    case kBuildSome:
      BuildSome(input);
      return 0;
    case kCompareReads: {
      const Built small_reads = BuildAll(input, input.reading.chunk_bytes);
      const Built one_read = BuildAll(input, 1 << 20);
      // Where everything is read to the end, the way of reading must not matter.
      if (small_reads.status.ok() && one_read.status.ok()) {
        Require(small_reads.events == one_read.events, "events depend on how they were read");
      }
      return 0;
    }
    default:
      CheckWindows(input);
      return 0;
  }
}
