#include <cstdio>
#include <cstdlib>

#include "alkaid/base/environment.h"
#include "alkaid/core/debug_memory_pool_internal.h"

namespace alkaid::internal {
namespace {

enum class DebugMode { kNone, kAbort, kTrap, kWarn };

DebugMode ReadDebugMode() {
  const std::string value = GetEnvironment(kDebugMemoryPoolVariable);
  if (value.empty() || value == "none") return DebugMode::kNone;
  if (value == "abort") return DebugMode::kAbort;
  if (value == "trap") return DebugMode::kTrap;
  if (value == "warn") return DebugMode::kWarn;
  std::fprintf(stderr,
               "Alkaid warning: %s=%s is unknown (supported: abort, trap, warn, none); memory "
               "pools are not checked\n",
               kDebugMemoryPoolVariable, value.c_str());
  return DebugMode::kNone;
}

DebugMode Mode() {
  static const DebugMode mode = ReadDebugMode();
  return mode;
}

}  // namespace

bool MemoryDebugOn() { return Mode() != DebugMode::kNone; }

void ReportMemoryFault(const std::string& what) {
  std::fprintf(stderr, "Alkaid memory fault: %s\n", what.c_str());
  switch (Mode()) {
    case DebugMode::kAbort:
      std::abort();
    case DebugMode::kTrap:
      __builtin_trap();
    case DebugMode::kWarn:
    case DebugMode::kNone:
      break;
  }
}

}  // namespace alkaid::internal
