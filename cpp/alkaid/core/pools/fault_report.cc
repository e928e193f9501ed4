#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "alkaid/base/environment.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/core/pools/fault_report_internal.h"

namespace alkaid::internal {
namespace {

enum class DebugMode { kNone, kAbort, kTrap, kWarn };

// Unknown words: nothing.
std::optional<DebugMode> Parse(const std::string& value) {
  if (value.empty() || value == "none") return DebugMode::kNone;
  if (value == "abort") return DebugMode::kAbort;
  if (value == "trap") return DebugMode::kTrap;
  if (value == "warn") return DebugMode::kWarn;
  return std::nullopt;
}

// Read once. Threads that come first at the same time read the same value; one reports what is
// wrong with it.
DebugMode Mode() {
  static constinit std::atomic<int> known{-1};
  const int before = known.load(std::memory_order_relaxed);
  if (before >= 0) [[likely]]
    return static_cast<DebugMode>(before);
  const std::string value = GetEnvironment(kDebugMemoryPoolVariable);
  const std::optional<DebugMode> parsed = Parse(value);
  const DebugMode mode = parsed.value_or(DebugMode::kNone);
  if (known.exchange(static_cast<int>(mode)) < 0 && !parsed) {
    Notice(kDebugMemoryPoolVariable, "=", Printable(value),
           " is unknown (supported: abort, trap, warn, none); memory pools are not checked");
  }
  return mode;
}

}  // namespace

bool MemoryDebugOn() { return Mode() != DebugMode::kNone; }

FaultReport::FaultReport(const char* format, ...) {
  text_ << "Alkaid memory fault: ";
  va_list arguments;
  va_start(arguments, format);
  Add(format, arguments);
  va_end(arguments);
}

void FaultReport::Line(const char* format, ...) {
  text_ << "  ";
  va_list arguments;
  va_start(arguments, format);
  Add(format, arguments);
  va_end(arguments);
}

void FaultReport::Finish() {
  StackTrace here;
  here.Capture();
  Trace("found", here);
  text_.End();
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

void FaultReport::Add(const char* format, __builtin_va_list arguments) {
  char line[1024];
  if (std::vsnprintf(line, sizeof(line), format, arguments) >= 0) {
    // A label may contain any characters.
    char printable[2 * sizeof(line)];
    text_ << std::string_view(printable, CopyPrintable(line, printable, sizeof(printable)));
  }
  text_ << "\n";
}

}  // namespace alkaid::internal
