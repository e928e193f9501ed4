// --live[=SECONDS] of the reading `alkaid dgram` commands: the files are still being written.
//
// An Interruption must live while the watch is used: then a signal ends the reading, not the
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
  // Seconds of silence as text; "-" if no silence ends the reading; empty without --live.
  std::string seconds;

  void AddOption(CLI::App& command);

  bool given() const { return !seconds.empty(); }
  // What the command writes: lines on stdout, or a file.
  enum class Makes { kLines, kFile };

  // Null without --live. kInvalidArgument where the seconds are no number. A command that writes
  // lines also ends by SIGPIPE during a wait, once its stdout is closed at the other end.
  Result<std::shared_ptr<io::LiveWatch>> Watch(Makes makes = Makes::kLines) const;
};

// Flushes stdout, and prints on stderr why the reading ended, if not by an EndRun. Does nothing if
// `watch` is null.
void ReportLiveEnd(const io::LiveWatch* watch);
// The same for a report, as `live_end`: "EndRun", "silence" or "stopped"; null where reading
// failed. Nothing if `watch` is null.
void DescribeLiveEnd(const io::LiveWatch* watch, const Status& status,
                     nlohmann::ordered_json* report);

}  // namespace alkaid::tools
