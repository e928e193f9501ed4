// RunGate: the runs of `alkaid profile gate`, with a planted leak and without, and the decision.
//
// Ownership: the options are borrowed for the call. Threads: one, which gets the signals that are
// passed on to the command. Out of memory: throws std::bad_alloc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "alkaid/growth/leak_gate.h"

namespace alkaid::tools {

struct GateOptions {
  growth::LeakGateOptions gate;
  double confidence = 100 * growth::kDefaultConfidence;
  std::optional<double> max_mb;
  std::optional<double> max_total_mb;
  double plant_mb = 1;
  std::string plant_by;
  double within = 10;
  int runs = 1;
  std::string keep;
  std::vector<std::string> accounts = {"rss", "live", "malloc"};
  std::vector<std::string> command;
};

// Runs the command once with a planted leak, which has to be found, then without. Prints what it
// finds on stderr, since stdout is the command's. Returns the exit code of the gate.
int RunGate(const GateOptions& options);

}  // namespace alkaid::tools
