// What the command's exit codes mean, and how a Status becomes one.
//
// Threads: free of state.
#pragma once

#include <cstdio>

#include "alkaid/base/status.h"

namespace alkaid::tools {

inline constexpr int kExitOk = 0;
// Wrong usage, an unreadable file, no memory: whatever is not the data's fault.
inline constexpr int kExitFailure = 1;
// Malformed structure of the data.
inline constexpr int kExitMalformed = 2;

// Says on stderr what failed, nothing where `status` is OK, and returns the exit code.
inline int ReportStatus(const Status& status) {
  if (status.ok()) return kExitOk;
  const auto message = status.message();
  std::fflush(stdout);
  std::fprintf(stderr, "alkaid: %.*s\n", static_cast<int>(message.size()), message.data());
  return status.code() == StatusCode::kDataLoss ? kExitMalformed : kExitFailure;
}

}  // namespace alkaid::tools
