// --live[=SECONDS] of the `alkaid dgram` commands that read: the files are still being written.
//
// An Interruption must live while the watch is used: a signal ends the reading, and not the
// command.
//
// Threads: one. Out of memory: kResourceExhausted, or std::bad_alloc.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "alkaid/core/files/live_watch.h"

namespace alkaid::tools {

struct LiveFlag {
  // Seconds of silence as text; "-" where none ends the reading; empty where it was not asked for.
  std::string seconds;

  void AddOption(CLI::App& command);

  bool given() const { return !seconds.empty(); }
  // Null where it was not asked for. kInvalidArgument where the seconds are none.
  Result<std::shared_ptr<io::LiveWatch>> Watch() const;
};

// Passes on what is printed, and says on stderr why the reading ended where that was no EndRun.
// Nothing where `watch` is null.
void ReportLiveEnd(const io::LiveWatch* watch);

}  // namespace alkaid::tools
