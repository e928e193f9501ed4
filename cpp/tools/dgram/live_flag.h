// --live[=SECONDS] of the `alkaid dgram` commands that read: the files are still being written.
//
// An Interruption must live while the watch is used: a signal ends the reading, and not the
// command.
//
// Threads: one. Out of memory: kResourceExhausted, or std::bad_alloc.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "alkaid/core/files/live_watch.h"

namespace alkaid::tools {

struct LiveFlag {
  // Seconds of silence as text; "-" where none ends the reading; empty where it was not asked for.
  std::string seconds;

  void AddOption(CLI::App& command);

  bool given() const { return !seconds.empty(); }
  // What the command is for: lines on stdout, or a file.
  enum class Makes { kLines, kFile };

  // Null where it was not asked for. kInvalidArgument where the seconds are none. One that makes
  // lines ends by SIGPIPE while it waits, too, once nobody reads them any more.
  Result<std::shared_ptr<io::LiveWatch>> Watch(Makes makes = Makes::kLines) const;
};

// Passes on what is printed, and says on stderr why the reading ended where that was no EndRun.
// Nothing where `watch` is null.
void ReportLiveEnd(const io::LiveWatch* watch);
// Puts the same into a report, as `live_end`: "EndRun", "silence" or "stopped"; null where reading
// failed. Nothing where `watch` is null.
void DescribeLiveEnd(const io::LiveWatch* watch, const Status& status,
                     nlohmann::ordered_json* report);

}  // namespace alkaid::tools
