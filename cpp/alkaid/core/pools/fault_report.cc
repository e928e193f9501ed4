#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "absl/debugging/symbolize.h"
#include "alkaid/base/environment.h"
#include "alkaid/core/pools/fault_report_internal.h"
#include "alkaid/unwind/stack_trace.h"

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

// Read once. Threads that come first together read the same, and one says what is wrong with it.
DebugMode Mode() {
  static constinit std::atomic<int> known{-1};
  const int before = known.load(std::memory_order_relaxed);
  if (before >= 0) [[likely]]
    return static_cast<DebugMode>(before);
  const std::string value = GetEnvironment(kDebugMemoryPoolVariable);
  const std::optional<DebugMode> parsed = Parse(value);
  const DebugMode mode = parsed.value_or(DebugMode::kNone);
  if (known.exchange(static_cast<int>(mode)) < 0 && !parsed) {
    std::fprintf(stderr,
                 "Alkaid warning: %s=%s is unknown (supported: abort, trap, warn, none); memory "
                 "pools are not checked\n",
                 kDebugMemoryPoolVariable, value.c_str());
  }
  return mode;
}

// The file that holds an address of code, and where in it the address lies.
struct Place {
  char file[256] = "";
  uint64_t offset = 0;
};

Place PlaceOf(uint64_t address) {
  Place place;
  const link_map* module = nullptr;
#if defined(DLFO_STRUCT_HAS_EH_DBASE)
  // Unlike dladdr it takes no lock.
  dl_find_object object;
  if (::_dl_find_object(reinterpret_cast<void*>(address), &object) == 0) {
    module = object.dlfo_link_map;
  }
#else
  Dl_info info;
  void* extra = nullptr;
  if (::dladdr1(reinterpret_cast<void*>(address), &info, &extra, RTLD_DL_LINKMAP) != 0) {
    module = static_cast<const link_map*>(extra);
  }
#endif
  if (module == nullptr) return place;
  place.offset = address - module->l_addr;
  if (module->l_name != nullptr && module->l_name[0] != '\0') {
    std::snprintf(place.file, sizeof(place.file), "%s", module->l_name);
  } else if (const ssize_t length =
                 ::readlink("/proc/self/exe", place.file, sizeof(place.file) - 1);
             length > 0) {
    place.file[length] = '\0';
  }
  return place;
}

}  // namespace

bool MemoryDebugOn() { return Mode() != DebugMode::kNone; }

[[gnu::noinline]] int StackTrace::CaptureFrames(uint64_t* frames) {
  // The first of what CaptureStack gives is in this function.
  uint64_t all[kMostFrames + 1];
  const int depth = unwind::CaptureStack(unwind::Unwinder::kCallFrameInfo, all, kMostFrames + 1);
  if (depth < 2) return 0;
  std::copy(all + 1, all + depth, frames);
  return depth - 1;
}

FaultReport::FaultReport(const char* format, ...) {
  AddText("Alkaid memory fault: ");
  va_list arguments;
  va_start(arguments, format);
  Add(format, arguments);
  va_end(arguments);
  AddText("\n");
}

void FaultReport::Line(const char* format, ...) {
  AddText("  ");
  va_list arguments;
  va_start(arguments, format);
  Add(format, arguments);
  va_end(arguments);
  AddText("\n");
}

void FaultReport::Trace(const char* what, const StackTrace& trace) {
  if (trace.depth == 0) return;
  Line("%s at", what);
  for (int i = 0; i < trace.depth; ++i) {
    // A return address is that of the instruction after the call.
    const uint64_t address = trace.frames[i] - 1;
    char name[512];
    if (!absl::Symbolize(reinterpret_cast<void*>(address), name, sizeof(name))) {
      std::strcpy(name, "?");
    }
    const Place place = PlaceOf(address);
    if (place.file[0] != '\0') {
      Line("  0x%012llx %s (%s+0x%llx)", static_cast<unsigned long long>(address), name, place.file,
           static_cast<unsigned long long>(place.offset));
    } else {
      Line("  0x%012llx %s", static_cast<unsigned long long>(address), name);
    }
  }
}

void FaultReport::Finish() {
  StackTrace here;
  here.Capture();
  Trace("found", here);
  Flush();
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

// Written in whole lines, and in one piece as far as it fits.
void FaultReport::Add(const char* format, __builtin_va_list arguments) {
  for (const bool is_last_try : {false, true}) {
    va_list copy;
    va_copy(copy, arguments);
    const auto room = static_cast<int>(sizeof(text_)) - used_;
    const int length = std::vsnprintf(text_ + used_, static_cast<size_t>(room), format, copy);
    va_end(copy);
    if (length < 0) return;
    if (length < room || is_last_try) {
      used_ += std::min(length, room - 1);
      return;
    }
    Flush();
  }
}

void FaultReport::AddText(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Add(format, arguments);
  va_end(arguments);
}

void FaultReport::Flush() {
  for (int written = 0; written < used_;) {
    const ssize_t n = ::write(STDERR_FILENO, text_ + written, static_cast<size_t>(used_ - written));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;  // whom could one tell that stderr does not work?
    written += static_cast<int>(n);
  }
  used_ = 0;
}

}  // namespace alkaid::internal
