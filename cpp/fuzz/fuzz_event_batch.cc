// Any bytes, as a batch of events, as a message of several streams, and as small data whose big
// data are the same bytes. A message's content goes through every function for windows.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/memory_io.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/events/big_data_reader.h"
#include "alkaid/events/dgram_batch_builder.h"
#include "alkaid/events/event_batch.h"
#include "alkaid/events/packet_footer.h"
#include "alkaid/events/smd_record.h"
#include "alkaid/events/smd_window.h"

namespace {

using alkaid::Buffer;
using alkaid::Result;
using alkaid::dgram::Configuration;
using alkaid::dgram::Dgram;
using alkaid::dgram::Timestamp;
using alkaid::dgram::TransitionId;
using alkaid::events::BigDataEvent;
using alkaid::events::BigDataReader;
using alkaid::events::EventBatch;
using alkaid::events::SmdWindow;

using Configurations = std::vector<std::shared_ptr<const Configuration>>;

void Require(bool truth, const char* what) {
  if (truth) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

Configurations SmallData(int streams) {
  static const std::shared_ptr<const Configuration> all = *Configuration::FromNames(
      {*alkaid::events::SmdInfo::Declaration(alkaid::dgram::NamesId(512, 0))});
  return Configurations(static_cast<size_t>(streams), all);
}

// A batch that is built from the batch's content must be equal.
void Rebuild(const EventBatch& batch) {
  alkaid::events::DgramBatchBuilder builder(batch.stream_count());
  for (const auto& event : batch) {
    event.ForEachDgram([&](int stream, Dgram dgram) {
      Require(builder.Append(stream, std::move(dgram)).ok(), "a datagram cannot be appended");
    });
    Require(builder.EndEvent().ok(), "an event cannot be ended");
  }
  const auto rebuilt = builder.Finish();
  Require(rebuilt.ok() && rebuilt->buffer()->Equals(*batch.buffer()), "the batch is another");
}

void ReadBigData(const EventBatch& batch, const std::shared_ptr<Buffer>& bytes) {
  alkaid::events::BigDataReaderOptions options;
  options.prefetch = 0;
  options.max_retries = 0;
  options.max_dgram_bytes = 1 << 20;
  options.chunk_bytes = 100;
  options.open_file =
      [&](const std::string&) -> Result<std::shared_ptr<alkaid::io::RandomAccessFile>> {
    return std::make_shared<alkaid::io::BufferReader>(bytes);
  };
  bool given = false;
  auto reader = BigDataReader::Open(
      std::vector<std::string>(static_cast<size_t>(batch.stream_count()), "any"),
      [&]() -> Result<std::optional<EventBatch>> {
        if (std::exchange(given, true)) return std::optional<EventBatch>();
        return std::optional<EventBatch>(batch);
      },
      options);
  Require(reader.ok(), "a reader cannot be opened");
  BigDataEvent event;
  while (true) {
    const Result<bool> more = (*reader)->Next(&event);
    if (!more.ok() || !*more) return;
    for (int i = 0; i < event.stream_count(); ++i) {
      if (event.has(i)) (void)alkaid::dgram::CheckDgram(event.dgram(i)).ok();
    }
  }
}

// For each stream, in order, all its datagrams.
std::vector<std::vector<Dgram>> DgramsOf(const SmdWindow& window) {
  std::vector<std::vector<Dgram>> all;
  for (const auto& stream : window.streams) {
    std::vector<Dgram>& dgrams = all.emplace_back();
    for (const auto& batch : stream) {
      for (const Dgram& dgram : batch) dgrams.push_back(dgram);
    }
  }
  return all;
}

SmdWindow Unpack(const Result<std::shared_ptr<Buffer>>& message,
                 const Configurations& configurations) {
  Require(message.ok(), "a window cannot be packed");
  auto window = alkaid::events::Unpack(*message, configurations);
  Require(window.ok(), "a message cannot be unpacked");
  return *std::move(window);
}

// The blocks of the message must make the same window.
void CheckBlocks(const SmdWindow& window, const std::shared_ptr<Buffer>& message,
                 const Configurations& configurations) {
  const auto footer =
      alkaid::events::PacketFooter::Parse(message->data(), message->size(), "message", 0);
  Require(footer.ok(), "a message has no footer");
  std::vector<std::shared_ptr<Buffer>> blocks;
  int64_t at = 0;
  for (int64_t i = 0; i < footer->count(); at += footer->size(i++)) {
    blocks.push_back(SliceBuffer(message, at, footer->size(i)));
  }
  const auto source = alkaid::events::OneWindow(blocks, configurations);
  Require(source.ok() && (*source)->stream_count() == footer->count(), "the blocks are no window");
  const auto only = (*source)->Next();
  Require(only.ok() && only->size() == window.size() && only->nbytes() == window.nbytes() &&
              (only->empty() || only->limit >= window.limit),
          "the window of the blocks is another");
  const auto next = (*source)->Next();
  Require(next.ok() && next->empty(), "one window is followed by another");
}

// The last L1Accepts of even timestamps shall end an exposure: exactly these must be marked.
void CheckEnds(SmdWindow window, const Configurations& configurations) {
  const auto before = DgramsOf(window);
  std::vector<std::map<uint64_t, size_t>> lasts(before.size());
  for (size_t stream = 0; stream < before.size(); ++stream) {
    std::map<uint64_t, int64_t> repeats;
    for (size_t i = 0; i < before[stream].size(); ++i) {
      const Dgram& dgram = before[stream][i];
      const uint64_t timestamp = dgram.timestamp().value();
      if (!alkaid::events::IsL1Accept(dgram.service()) || timestamp % 2 != 0) continue;
      lasts[stream][timestamp] = i;
      ++repeats[timestamp];
    }
    for (const auto& [timestamp, count] : repeats) {
      window.ends.push_back({static_cast<int>(stream), Timestamp(timestamp), count - 1});
    }
  }
  std::ranges::stable_sort(window.ends, {}, &SmdWindow::EndOfBatch::timestamp);
  const auto after = DgramsOf(Unpack(alkaid::events::Pack(window), configurations));
  for (size_t stream = 0; stream < before.size(); ++stream) {
    Require(before[stream].size() == after[stream].size(), "a stream has other datagrams");
    // Marks are searched in order of time, and any bytes need not have one.
    if (!std::ranges::is_sorted(before[stream], {}, &Dgram::timestamp)) continue;
    for (size_t i = 0; i < before[stream].size(); ++i) {
      const auto last = lasts[stream].find(before[stream][i].timestamp().value());
      const TransitionId service = last != lasts[stream].end() && last->second == i
                                       ? TransitionId::kL1AcceptEndOfBatch
                                       : before[stream][i].service();
      Require(after[stream][i].service() == service, "other L1Accepts end an exposure");
    }
  }
}

// A node that did not get the window must get its transitions before the next one.
void CheckHistory(const SmdWindow& window, const Configurations& configurations) {
  alkaid::events::StepHistory history(static_cast<int>(window.streams.size()));
  const auto start = history.position();
  Require(history.Add(window).ok(), "a window cannot be added to the history");
  auto here = history.position();
  const auto nothing = history.Since(here);
  Require(nothing.ok() && std::ranges::count(*nothing, nullptr) == std::ssize(*nothing),
          "transitions came after the last");
  const auto steps = history.Since(start);
  Require(steps.ok(), "the history has a hole");
  const auto before = DgramsOf(window);
  const auto after = DgramsOf(Unpack(alkaid::events::Pack(window, *steps), configurations));
  for (size_t stream = 0; stream < before.size(); ++stream) {
    const auto step_count = std::ranges::count_if(before[stream], [](const Dgram& dgram) {
      return !alkaid::events::IsL1Accept(dgram.service());
    });
    Require(std::ssize(after[stream]) == std::ssize(before[stream]) + step_count,
            "not all transitions come again");
  }
  ++here.back();
  Require(history.Since(here).status().code() == alkaid::StatusCode::kOutOfRange,
          "the history goes on past its end");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = Buffer::FromString(std::string(data, data + size));
  for (int streams = 1; streams <= 2; ++streams) {
    const Configurations configurations = SmallData(streams);
    const auto batch = EventBatch::Make(bytes, configurations);
    if (batch.ok() && !batch->empty()) {
      Rebuild(*batch);
      ReadBigData(*batch, bytes);
    }
    const auto window = alkaid::events::Unpack(bytes, configurations);
    if (!window.ok()) continue;
    const auto again = alkaid::events::Pack(*window);
    Require(again.ok() && (bytes->size() == 0 || (*again)->Equals(*bytes)),
            "the message is another");
    CheckBlocks(*window, *again, configurations);
    CheckEnds(*window, configurations);
    CheckHistory(*window, configurations);
  }
  return 0;
}
