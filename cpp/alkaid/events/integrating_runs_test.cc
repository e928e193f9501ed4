// Random runs with an integrating detector, compared with a plain and slow event builder: it sees
// the whole run at once, and knows nothing of windows, batches and reads.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/events/event_builder.h"
#include "alkaid/events/smd_reader.h"
#include "alkaid/events/whole_exposures.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_streams.h"

namespace alkaid::events {
namespace {

using dgram::Timestamp;
using dgram::TransitionId;

struct Item {
  TransitionId service;
  uint64_t timestamp;
};
using Stream = std::vector<Item>;

struct RandomRun {
  std::vector<Stream> streams;
  int integrating = 0;
};

// A timestamp of `nanoseconds` from the start of a run; each run crosses the end of a second.
uint64_t At(int nanoseconds) {
  return nanoseconds < 40 ? Timestamp(7, static_cast<uint32_t>(999'999'960 + nanoseconds)).value()
                          : Timestamp(8, static_cast<uint32_t>(nanoseconds - 40)).value();
}

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}
  int operator()(int least, int most) {
    return least + static_cast<int>(engine_() % static_cast<unsigned>(most - least + 1));
  }
  bool OneIn(int count) { return (*this)(1, count) == 1; }

 private:
  std::mt19937 engine_;
};

// One to three runs one after the other: bursts and gaps, repeated timestamps, transitions that
// only separate, streams with little or no data.
RandomRun Throw(Dice& dice) {
  RandomRun run;
  run.streams.resize(static_cast<size_t>(dice(1, 4)));
  run.integrating = dice(0, static_cast<int>(run.streams.size()) - 1);
  std::vector<int> rarity;
  for (size_t i = 0; i < run.streams.size(); ++i) rarity.push_back(dice(1, 4));
  rarity[static_cast<size_t>(run.integrating)] = dice(1, 12);
  int now = 0;
  const auto transition = [&](TransitionId service) {
    for (Stream& stream : run.streams) stream.push_back({service, At(now)});
    ++now;
  };
  const int runs = dice(1, 3);
  for (int i = 0; i < runs; ++i) {
    transition(TransitionId::kBeginRun);
    const int length = dice(0, 50);
    for (int step = 0; step < length; ++step) {
      if (dice.OneIn(8)) {
        const int updates = dice(1, 4);
        for (int update = 0; update < updates; ++update) transition(TransitionId::kSlowUpdate);
      } else {
        for (size_t s = 0; s < run.streams.size(); ++s) {
          if (!dice.OneIn(rarity[s])) continue;
          const int repeats = dice.OneIn(10) ? dice(2, 3) : 1;
          for (int n = 0; n < repeats; ++n) {
            run.streams[s].push_back({TransitionId::kL1Accept, At(now)});
          }
        }
        ++now;
      }
      if (dice.OneIn(10)) now += dice(1, 25);
    }
    if (!dice.OneIn(4)) transition(TransitionId::kEndRun);
    if (dice.OneIn(2)) now += dice(1, 30);
  }
  return run;
}

// "12@5:0,2*" for an L1Accept at timestamp 5 that streams 0 and 2 have; the star marks the stream
// whose datagram is an L1AcceptEndOfBatch. There is at most one star for each exposure.
struct PlainEvent {
  TransitionId service;
  uint64_t timestamp;
  std::vector<int> streams;
  int marked = -1;
};
std::string Text(const PlainEvent& event) {
  std::string text = dgram::TransitionName(event.service);
  text += "@" + std::to_string(event.timestamp);
  for (const int stream : event.streams) {
    text += " " + std::to_string(stream) + (stream == event.marked ? "*" : "");
  }
  return text;
}

using Filter = std::optional<std::vector<uint64_t>>;

std::vector<PlainEvent> BuildPlainly(const RandomRun& run, int delta, const Filter& filter) {
  std::map<uint64_t, std::vector<PlainEvent>> by_time;
  for (size_t stream = 0; stream < run.streams.size(); ++stream) {
    std::map<uint64_t, size_t> seen;
    for (const Item& item : run.streams[stream]) {
      std::vector<PlainEvent>& events = by_time[item.timestamp];
      const size_t repeat = seen[item.timestamp]++;
      if (events.size() == repeat) events.push_back({item.service, item.timestamp, {}});
      events[repeat].streams.push_back(static_cast<int>(stream));
    }
  }
  std::vector<PlainEvent> events;
  for (const auto& [timestamp, of_time] : by_time) {
    for (const PlainEvent& event : of_time) {
      if (event.service != TransitionId::kL1Accept || !filter.has_value() ||
          std::ranges::find(*filter, timestamp) != filter->end()) {
        events.push_back(event);
      }
    }
  }
  // An exposure is what follows the end of the exposure before, and the beginning of the run, up to
  // its own end.
  uint64_t begin = 0;
  for (const Item& item : run.streams[static_cast<size_t>(run.integrating)]) {
    if (item.service == TransitionId::kEndRun) begin = std::max(begin, item.timestamp + 1);
    if (item.service != TransitionId::kL1Accept) continue;
    const uint64_t nanoseconds =
        Timestamp(item.timestamp).total_nanoseconds() + static_cast<uint64_t>(delta);
    const uint64_t end = Timestamp(static_cast<uint32_t>(nanoseconds / 1'000'000'000),
                                   static_cast<uint32_t>(nanoseconds % 1'000'000'000))
                             .value();
    PlainEvent* last = nullptr;
    for (PlainEvent& event : events) {
      if (event.service != TransitionId::kL1Accept) continue;
      if (event.timestamp >= begin && event.timestamp <= end) last = &event;
    }
    if (last != nullptr) last->marked = last->streams.front();
    begin = std::max(begin, end + 1);
  }
  return events;
}
std::vector<std::string> Texts(const std::vector<PlainEvent>& events) {
  std::vector<std::string> texts;
  for (const PlainEvent& event : events) texts.push_back(Text(event));
  return texts;
}

void Append(const EventBatch& batch, std::vector<std::string>* texts) {
  for (const Event& event : batch) {
    PlainEvent plain{event.is_l1_accept() ? TransitionId::kL1Accept : event.service(),
                     event.timestamp().value(),
                     {}};
    event.ForEachDgram([&](int stream, const dgram::Dgram& dgram) {
      plain.streams.push_back(stream);
      if (dgram.service() == TransitionId::kL1AcceptEndOfBatch) {
        EXPECT_EQ(plain.marked, -1) << "two streams of one event are marked";
        plain.marked = stream;
      }
    });
    texts->push_back(Text(plain));
  }
}

struct Settings {
  int delta = 0;
  SmdReaderOptions reading;
  int64_t batch_size = 1000;
  Filter filter;
  bool messages = false;

  std::string Describe() const {
    return "delta " + std::to_string(delta) + ", windows of " + std::to_string(reading.batch_size) +
           ", chunks of " + std::to_string(reading.chunk_bytes) + ", pending " +
           std::to_string(reading.max_pending_bytes) + ", batches of " +
           std::to_string(batch_size) + (filter.has_value() ? ", filtered" : "") +
           (messages ? ", by messages" : "");
  }
};

std::unique_ptr<SmdReader> Open(const RandomRun& run, const Settings& settings) {
  static const std::string configure = fixtures::SmdConfigure();
  std::vector<std::unique_ptr<dgram::BatchReader>> readers;
  for (const Stream& stream : run.streams) {
    std::string bytes = configure;
    for (const Item& item : stream) bytes += fixtures::Dgram(item.service, item.timestamp);
    dgram::BatchReaderOptions reading;
    reading.batch_bytes = settings.reading.chunk_bytes;
    readers.push_back(*dgram::BatchReader::Open(Buffer::FromString(bytes), reading));
  }
  SmdReaderOptions options = settings.reading;
  options.integrating_stream = run.integrating;
  options.integrating_delta = settings.delta;
  return *SmdReader::Open(std::move(readers), options);
}

Status Build(const std::shared_ptr<SmdWindowSource>& source, const Settings& settings,
             std::vector<std::string>* texts) {
  EventBuilderOptions options;
  options.batch_size = settings.batch_size;
  if (settings.filter.has_value()) {
    options.filter_timestamps.emplace();
    for (const uint64_t wanted : *settings.filter) options.filter_timestamps->emplace_back(wanted);
  }
  ALKAID_ASSIGN_OR_RAISE(const auto builder, EventBuilder::Make(source, options));
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const EventBatches built, builder->Next());
    if (built.done()) return absl::OkStatus();
    Append(built.batch(), texts);
  }
}

Status BuildByMessages(std::shared_ptr<SmdReader> reader, const Settings& settings,
                       std::vector<std::string>* texts) {
  const auto configurations = reader->configurations();
  std::shared_ptr<SmdWindowSource> source = std::move(reader);
  // A node that filters needs whole exposures.
  if (settings.filter.has_value()) {
    ALKAID_ASSIGN_OR_RAISE(source, WholeExposures::Make(std::move(source)));
  }
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const SmdWindow window, source->Next());
    if (window.empty()) return absl::OkStatus();
    ALKAID_ASSIGN_OR_RAISE(const auto message, Pack(window));
    ALKAID_ASSIGN_OR_RAISE(const SmdWindow got, Unpack(message, configurations));
    ALKAID_RETURN_NOT_OK(Build(OneWindow(got.streams), settings, texts));
  }
}

Result<std::vector<std::string>> Events(const RandomRun& run, const Settings& settings) {
  std::vector<std::string> texts;
  std::unique_ptr<SmdReader> reader = Open(run, settings);
  if (settings.messages) {
    ALKAID_RETURN_NOT_OK(BuildByMessages(std::move(reader), settings, &texts));
  } else {
    ALKAID_RETURN_NOT_OK(Build(std::move(reader), settings, &texts));
  }
  return texts;
}

Settings ThrowSettings(Dice& dice, const RandomRun& run) {
  Settings settings;
  settings.delta = dice.OneIn(4) ? 0 : dice(1, 40);
  settings.reading.batch_size = dice.OneIn(4) ? 1000 : dice(1, 6);
  settings.reading.chunk_bytes = dice.OneIn(4) ? 1 << 20 : dice(24, 400);
  settings.batch_size = dice.OneIn(4) ? 1000 : dice(1, 7);
  if (dice.OneIn(3)) {
    settings.filter.emplace();
    const int rarity = dice(1, 8);
    for (const Stream& stream : run.streams) {
      for (const Item& item : stream) {
        if (dice.OneIn(rarity)) settings.filter->push_back(item.timestamp);
      }
    }
  }
  settings.messages = dice.OneIn(4);
  // A stream is full with six datagrams, so exposures are cut.
  if (dice.OneIn(2)) settings.reading.max_pending_bytes = dice(6, 20) * int64_t{24};
  return settings;
}

TEST(IntegratingRuns, AThousandGiveTheEventsOfAPlainBuilderHoweverTheyAreRead) {
  for (unsigned seed = 0; seed < 1000; ++seed) {
    Dice dice(seed);
    const RandomRun run = Throw(dice);
    for (int way = 0; way < 3; ++way) {
      const Settings settings = ThrowSettings(dice, run);
      const auto expected = Texts(BuildPlainly(run, settings.delta, settings.filter));
      const auto found = Events(run, settings);
      const std::string where = "run " + std::to_string(seed) + ": " + settings.Describe();
      ASSERT_THAT(found, IsOk()) << where;
      ASSERT_THAT(*found, ::testing::ContainerEq(expected)) << where;
    }
  }
}

}  // namespace
}  // namespace alkaid::events
