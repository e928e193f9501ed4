// What the commands that build events share: the files of small data, and the options of the
// builder.
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
    // Borrowed; `builder` owns it.
    events::SmdReader* reader = nullptr;
    std::shared_ptr<events::EventBuilder> builder;
    // If the files are still being written; else null.
    std::shared_ptr<io::LiveWatch> live;
  };
  // `pool` null: the default.
  Result<Opened> Open(MemoryPool* pool = nullptr) const;

  // The options as they were given, for the head of a report.
  nlohmann::ordered_json Describe() const;
  // At the end of the reading: prints on stderr which of the requested timestamps do not occur, or
  // did not occur so far, where `live` ended the reading before the end of the run.
  static void TellMissing(const events::EventBuilder& builder, const io::LiveWatch* live);
  // The same for the tail of a report, as "missing_timestamps"; nothing where none were requested.
  void DescribeMissing(const events::EventBuilder& builder, nlohmann::ordered_json* tail) const;

 private:
  bool filters() const { return !timestamps.empty() || !timestamps_file.empty(); }
};

}  // namespace alkaid::tools
