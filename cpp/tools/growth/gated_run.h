// GatedRun: the leak profiles that the processes of one run of a command left in a folder, judged
// by a leak gate.
//
// Ownership: values. Threads: free of state. Out of memory: throws std::bad_alloc.
#pragma once

#include <string>
#include <vector>

#include "alkaid/base/status.h"
#include "alkaid/growth/leak_gate.h"
#include "alkaid/growth/leak_profile_run.h"
#include "alkaid/growth/memory_stamp.h"

namespace alkaid::tools {

// A process that took enough stamps.
struct GatedProcess {
  std::string file;
  std::vector<growth::MemoryStamp> stamps;
  growth::LeakGateResult result;
  growth::LeakProfileRun run;
};

struct GatedRun {
  std::vector<GatedProcess> judged;  // the one with the most stamps first
  // The other processes that stamped, and why nothing can be said of them: too few stamps.
  std::vector<std::string> not_judged;

  // The first process that alarms; null where none does.
  const GatedProcess* Alarm() const;
};

// `folder` has one file for each process, named after its id. As errno maps where it cannot be
// read.
Result<GatedRun> JudgeRun(const std::string& folder, const growth::LeakGateOptions& options);

}  // namespace alkaid::tools
