// The built-in backends that this build lacks, and why.
//
// Threads: from any thread.   Out of memory: std::bad_alloc.
#pragma once

#include <string>
#include <vector>

#include "alkaid/base/export.h"

namespace alkaid {

struct AbsentBackend {
  std::string name;
  std::string reason;  // for people, without a full stop
};

// In the order in which the default is looked for; empty if the build has all. A built-in name is
// either here or among MemoryBackends(), never both.
ALKAID_EXPORT std::vector<AbsentBackend> AbsentMemoryBackends();

}  // namespace alkaid
