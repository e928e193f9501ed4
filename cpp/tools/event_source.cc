#include "event_source.h"

#include <fstream>
#include <utility>

namespace alkaid::tools {

void EventSource::AddOptions(CLI::App& command) {
  command
      .add_option("--batch-size", batch_size,
                  "Events of a batch, transitions included; 0: as many as a batch takes")
      ->check(CLI::Range(int64_t{0}, events::EventBuilderOptions::kMostEvents))
      ->capture_default_str();
  command
      .add_option("--timestamps", timestamps,
                  "Keep only L1Accepts of these timestamps (the 64-bit value), and transitions")
      ->delimiter(',');
  command.add_option("--timestamps-file", timestamps_file, "The same from a file, one a line");
  command
      .add_option("--integrating-stream", integrating_stream,
                  "The stream of an integrating detector: each of its L1Accepts ends an exposure, "
                  "whose last L1Accept becomes L1AcceptEndOfBatch")
      ->check(CLI::NonNegativeNumber);
  command
      .add_option("--integrating-delta", integrating_delta,
                  "How long after its timestamp an exposure still takes, in ns")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_flag("--fake-steps", fake_steps,
                   "End the step and begin another behind every window of small data");
  command.add_option("--smd-chunk-bytes", chunk_bytes, "Bytes of each read of small data")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

Result<EventSource::Opened> EventSource::Open() const {
  events::SmdReaderOptions reading;
  reading.chunk_bytes = chunk_bytes;
  reading.integrating_stream = integrating_stream;
  reading.integrating_delta = integrating_delta;
  reading.fake_steps = fake_steps;
  events::EventBuilderOptions building;
  building.batch_size = batch_size;
  if (!timestamps.empty() || !timestamps_file.empty()) {
    auto& filter = building.filter_timestamps.emplace();
    for (const uint64_t timestamp : timestamps) filter.emplace_back(timestamp);
    if (!timestamps_file.empty()) {
      std::ifstream file(timestamps_file);
      uint64_t timestamp;
      while (file >> timestamp) filter.emplace_back(timestamp);
      if (!file.eof()) {
        return status::Invalid(timestamps_file, ": not a list of timestamps, one a line");
      }
    }
  }
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<events::SmdReader> reader,
                         events::SmdReader::Open(smd, reading));
  events::SmdReader* const borrowed = reader.get();
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<events::EventBuilder> builder,
                         events::EventBuilder::Make(std::move(reader), std::move(building)));
  return Opened{borrowed, std::move(builder)};
}

nlohmann::ordered_json EventSource::Describe() const {
  nlohmann::ordered_json json = {{"streams", smd}, {"batch_size", batch_size}};
  if (integrating_stream >= 0) {
    json["integrating_stream"] = integrating_stream;
    json["integrating_delta"] = integrating_delta;
  }
  return json;
}

}  // namespace alkaid::tools
