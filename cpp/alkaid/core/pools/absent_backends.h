// Which of the built-in backends this build was made without, and why.
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

// In the order in which they would serve. Empty where the build has all. A name is here or among
// MemoryBackends() as a built-in one, never both.
ALKAID_EXPORT std::vector<AbsentBackend> AbsentMemoryBackends();

}  // namespace alkaid
