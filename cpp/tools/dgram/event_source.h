// What the commands that build events share: the files of small data, and how they are put
// together.
//
// Threads: one. Out of memory: kResourceExhausted, or std::bad_alloc.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "alkaid/events/event_builder.h"
#include "alkaid/events/smd_reader.h"
#include "tools/dgram/live_flag.h"
#include "tools/dgram/skip_report.h"

namespace alkaid::tools {

struct EventSource {
  std::vector<std::string> smd;
  int64_t batch_size = events::EventBuilderOptions().batch_size;
  std::vector<std::string> timestamps;
  std::string timestamps_file;
  events::SmdReaderOptions reading;
  LiveFlag live;
  SkipReport skips;

  // --live, --batch-size, --timestamps, and so on; not the files.
  void AddOptions(CLI::App& command);

  struct Opened {
    // Borrowed from the builder.
    events::SmdReader* reader = nullptr;
    std::shared_ptr<events::EventBuilder> builder;
    // Where the files are still being written; else null.
    std::shared_ptr<io::LiveWatch> live;
  };
  // `pool` null: the default.
  Result<Opened> Open(MemoryPool* pool = nullptr) const;

  // What was asked for, for the head of a report.
  nlohmann::ordered_json Describe() const;
  // After the end of the reading: says on stderr which of the timestamps that were asked for occur
  // nowhere; so far, where `live` ended it before the run did.
  static void TellMissing(const events::EventBuilder& builder, const io::LiveWatch* live);
  // The same for the tail of a report, as "missing_timestamps"; nothing where none were asked for.
  void DescribeMissing(const events::EventBuilder& builder, nlohmann::ordered_json* tail) const;

 private:
  bool filters() const { return !timestamps.empty() || !timestamps_file.empty(); }
};

}  // namespace alkaid::tools
