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

namespace alkaid::tools {

struct EventSource {
  std::vector<std::string> smd;
  int64_t batch_size = events::EventBuilderOptions().batch_size;
  std::vector<std::string> timestamps;
  std::string timestamps_file;
  events::SmdReaderOptions reading;

  // --batch-size, --timestamps, and so on; not the files.
  void AddOptions(CLI::App& command);

  struct Opened {
    // Borrowed from the builder.
    events::SmdReader* reader;
    std::shared_ptr<events::EventBuilder> builder;
  };
  // `pool` null: the default.
  Result<Opened> Open(MemoryPool* pool = nullptr) const;

  // What was asked for, for the head of a report.
  nlohmann::ordered_json Describe() const;
};

}  // namespace alkaid::tools
