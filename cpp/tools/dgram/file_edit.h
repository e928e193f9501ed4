// EditFile: what `alkaid dgram edit` does, apart from its options' text.
//
// Ownership: the options are borrowed for the call. Threads: one, which a signal may interrupt. Out
// of memory: kResourceExhausted or std::bad_alloc.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "alkaid/dgram/dgram_edit.h"
#include "tools/dgram/dgram_source.h"

namespace alkaid::tools {

struct EditOptions {
  DgramSource source;
  std::string output;
  std::vector<std::string> removals;
  std::vector<std::string> detectors;
  std::string data = "count";
  std::string damage;
  int64_t time_offset = 0;
  int64_t room = dgram::DgramEditOptions().room;
  bool json = false;
};

// The numbers of a report, complete or up to a failure.
struct EditTotals {
  int64_t dgrams = 0;
  int64_t events = 0;
  int64_t bytes_out = 0;
  int64_t corrupted = 0;
  std::set<std::string> declared_twice;
};

// Writes the edited file, which appears only when all is written. `totals` is set up to a failure
// too. Prints notes on stderr and, unless JSON is asked for, what was written on stdout.
Status EditFile(const EditOptions& options, EditTotals* totals);

}  // namespace alkaid::tools
