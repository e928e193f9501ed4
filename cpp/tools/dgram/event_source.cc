#include "tools/dgram/event_source.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <system_error>
#include <utility>

#include "tools/dgram/dgram_json.h"
#include "tools/dgram/dgram_source.h"
#include "tools/support/option_limits.h"

namespace alkaid::tools {

void EventSource::AddOptions(CLI::App& command) {
  live.AddOption(command);
  command
      .add_option("--batch-size", batch_size,
                  "Events of a batch, transitions included; 0: as many as a batch takes")
      ->check(Between(int64_t{0}, events::EventBuilderOptions::kMaxEvents))
      ->capture_default_str();
  command
      .add_option("--timestamps", timestamps,
                  "Keep only L1Accepts of these timestamps (the 64-bit value), and transitions")
      ->delimiter(',')
      ->type_name("TIMESTAMP");
  command.add_option("--timestamps-file", timestamps_file, "The same from a file, one a line")
      ->type_name("FILE");
  CLI::Option* const integrating =
      command
          .add_option("--integrating-stream", reading.integrating_stream,
                      "The stream (from 0) of an integrating detector: each of its L1Accepts ends "
                      "an exposure, whose last L1Accept becomes L1AcceptEndOfBatch")
          ->check(AtLeast(int64_t{0}));
  command
      .add_option("--integrating-delta", reading.integrating_delta,
                  "How long after its timestamp an exposure still takes, in ns")
      ->check(AtLeast(int64_t{0}))
      ->needs(integrating)
      ->capture_default_str();
  command.add_flag("--fake-steps", reading.fake_steps,
                   "End the step and begin another after every window of small data");
  command
      .add_option("--window-events", reading.batch_size,
                  "L1Accepts of a window of small data, which is what is read ahead together; with "
                  "an integrating detector, of that detector")
      ->check(AtLeast(int64_t{1}))
      ->capture_default_str();
  command.add_option("--smd-chunk-bytes", reading.chunk_bytes, "Bytes of each read of small data")
      ->check(AtLeast(int64_t{1}))
      ->capture_default_str();
  AddMaxDgramBytes(command, &reading.max_dgram_bytes);
  skips.AddOption(command);
  command
      .add_option("--max-pending-bytes", reading.max_pending_bytes,
                  "Bytes that are read of a stream before a window must end")
      ->check(AtLeast(int64_t{1}))
      ->capture_default_str();
}

namespace {

// One timestamp in any accepted spelling. kInvalidArgument names a wrong one and its place.
Status AddTimestamp(const std::string& text, const std::string& place,
                    std::vector<dgram::Timestamp>* all) {
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped_at != end) {
    return status::Invalid(place, ": \"", text, "\" is not a timestamp of 64 bits");
  }
  all->emplace_back(value);
  return absl::OkStatus();
}

}  // namespace

Result<EventSource::Opened> EventSource::Open(MemoryPool* pool) const {
  ALKAID_RETURN_NOT_OK(CheckStreamsDiffer(smd));
  events::SmdReaderOptions options = reading;
  options.pool = pool;
  options.on_fault = skips.on_fault();
  options.on_skip = skips.Teller();
  ALKAID_ASSIGN_OR_RAISE(options.live, live.Watch());
  events::EventBuilderOptions building;
  building.batch_size = batch_size;
  building.on_fault = options.on_fault;
  building.on_skip = options.on_skip;
  building.pool = pool;
  if (filters()) building.filter_timestamps.emplace();
  for (const std::string& text : timestamps) {
    ALKAID_RETURN_NOT_OK(AddTimestamp(text, "--timestamps", &*building.filter_timestamps));
  }
  if (!timestamps_file.empty()) {
    errno = 0;
    std::ifstream file(timestamps_file);
    if (!file) return status::IOError(errno, timestamps_file);
    std::string text;
    while (file >> text) {
      ALKAID_RETURN_NOT_OK(AddTimestamp(text, timestamps_file, &*building.filter_timestamps));
    }
    if (file.bad()) return status::IOError(EIO, timestamps_file);
  }
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<events::SmdReader> reader,
                         events::SmdReader::Open(smd, options));
  events::SmdReader* const borrowed = reader.get();
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<events::EventBuilder> builder,
                         events::EventBuilder::Make(std::move(reader), std::move(building)));
  return Opened{borrowed, std::move(builder), options.live};
}

nlohmann::ordered_json EventSource::Describe() const {
  nlohmann::ordered_json json = {{"streams", smd}, {"batch_size", batch_size}};
  if (reading.integrating_stream >= 0) {
    json["integrating_stream"] = reading.integrating_stream;
    json["integrating_delta"] = NumberJson(reading.integrating_delta);
  }
  return json;
}

void EventSource::TellMissing(const events::EventBuilder& builder, const io::LiveWatch* live) {
  constexpr size_t kMaxNamed = 20;
  const std::vector<dgram::Timestamp> missing = builder.missing_timestamps();
  if (missing.empty()) return;
  std::string text;
  for (size_t i = 0; i < std::min(missing.size(), kMaxNamed); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(missing[i].value());
  }
  if (missing.size() > kMaxNamed) {
    text += " and " + std::to_string(missing.size() - kMaxNamed) + " more";
  }
  std::fflush(stdout);
  const bool goes_on = live != nullptr && live->end() != io::LiveEnd::kNone;
  std::fprintf(stderr, "alkaid: no L1Accept %shas the timestamp%s %s\n", goes_on ? "so far " : "",
               missing.size() == 1 ? "" : "s", text.c_str());
}

void EventSource::DescribeMissing(const events::EventBuilder& builder,
                                  nlohmann::ordered_json* tail) const {
  if (!filters()) return;
  nlohmann::ordered_json& list = (*tail)["missing_timestamps"];
  list = nlohmann::ordered_json::array();
  for (const dgram::Timestamp timestamp : builder.missing_timestamps()) {
    list.push_back(std::to_string(timestamp.value()));
  }
}

}  // namespace alkaid::tools
