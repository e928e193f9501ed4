#include "alkaid/startup/startup.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/base/environment.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/base/output_name.h"
#include "alkaid/core/observers/builder_events.h"
#include "alkaid/growth/process_profile.h"
#include "alkaid/heap/reports/heap_requests.h"
#include "alkaid/heap/tracking/tracking.h"
#include "alkaid/startup/startup_internal.h"

namespace alkaid::internal {
namespace {

void Say(const char* variable, const Status& status) {
  if (!status.ok()) Notice(std::string(variable) + ": " + MessageOf(status));
}

// `text` as a whole number above 0; 0 if it is not one.
uint64_t PositiveNumber(const std::string& text) {
  uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return whole ? number : 0;
}

void StartGrowthTrace() {
  const std::string text = GetEnvironment(kTraceGrowthVariable);
  if (text.empty() || text == "0") return;
  if (text == "1") return TraceBuilderGrowth(true);
  Notice(std::string(kTraceGrowthVariable) + "=" + text + ": takes 1, or 0; growth is not traced");
}

Status StartTrackingAs(const std::string& text) {
  ALKAID_ASSIGN_OR_RAISE(const heap::TrackingOptions options, heap::ParseTrackingOptions(text));
  return heap::StartTracking(options);
}

void StartTracking() {
  const std::string text = GetEnvironment(kTrackAllocationsVariable);
  if (text.empty() || text == "0") return;
  const Status status = StartTrackingAs(text);
  if (status.ok()) return;
  Notice(std::string(kTrackAllocationsVariable) + "=" + text + ": " + MessageOf(status) +
         "; tracking stays off");
}

Status WriteHeapFileOnSignal(const std::string& signal, uint32_t owner) {
  const std::string file = GetEnvironment(kHeapFileVariable);
  ALKAID_ASSIGN_OR_RAISE(const int number, heap::ParseSignal(signal));
  return heap::WriteHeapFileOnSignal(number, file.empty() ? heap::kDefaultHeapFile : file, owner);
}

Status WriteHeapFileAtExit(const std::string& file, uint32_t owner) {
  // Live blocks at the end are known only if allocations are tracked.
  if (!heap::IsTracking() && GetEnvironment(kTrackAllocationsVariable).empty()) {
    ALKAID_RETURN_NOT_OK(heap::StartTracking());
  }
  return heap::WriteHeapFileAtExit(file, owner);
}

void StartHeapFiles(uint32_t owner) {
  const std::string signal = GetEnvironment(kHeapSignalVariable);
  if (!signal.empty()) Say(kHeapSignalVariable, WriteHeapFileOnSignal(signal, owner));
  const std::string at_exit = GetEnvironment(kHeapAtExitVariable);
  if (!at_exit.empty()) Say(kHeapAtExitVariable, WriteHeapFileAtExit(at_exit, owner));
}

void StartHeapFilesAtStamps(uint32_t owner) {
  const std::string text = GetEnvironment(kHeapAtStampsVariable);
  if (text.empty()) return;
  std::vector<uint64_t> stamps;
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    stamps.push_back(PositiveNumber(text.substr(at, comma - at)));
    at = comma + 1;
  }
  if (std::find(stamps.begin(), stamps.end(), uint64_t{0}) != stamps.end()) {
    Notice(std::string(kHeapAtStampsVariable) + "=" + text +
           ": not the numbers of stamps, from 1, with commas between; no heap file is written at a "
           "stamp");
    return;
  }
  const std::string file = GetEnvironment(kHeapFileVariable);
  Say(kHeapAtStampsVariable,
      growth::WriteHeapFilesAtStamps(std::move(stamps),
                                     file.empty() ? heap::kDefaultHeapFile : file, owner));
}

// One signal at a time: a failure for one does not stop the others.
void StartExitSignals() {
  std::string left = GetEnvironment(kExitSignalsVariable);
  while (!left.empty()) {
    const size_t comma = std::min(left.find(','), left.size());
    const Result<int> signal = heap::ParseSignal(left.substr(0, comma));
    Say(kExitSignalsVariable, signal.ok() ? heap::WriteBeforeSignalEnds(*signal) : signal.status());
    left.erase(0, comma + 1);
  }
}

void StartLeakProfile(uint32_t owner) {
  const std::string pattern = GetEnvironment(kLeakProfileVariable);
  if (pattern.empty()) return;
  const std::string release_at = GetEnvironment(kProfileReleaseAtVariable);
  growth::SetReleaseStampOfProcess(PositiveNumber(release_at));
  if (!release_at.empty() && PositiveNumber(release_at) == 0) {
    Notice(std::string(kProfileReleaseAtVariable) + "=" + release_at +
           ": not the number of a stamp, from 1; release is tried at the end");
  }
  Say(kLeakProfileVariable, growth::ProfileLeaksOfProcess(pattern, owner));
}

void SayUnknownVariables() {
  for (const std::string& sentence : UnknownEnvironmentVariables()) Notice(sentence);
}

// glibc passes main's arguments to a library's constructors. startup/ is linked last, so this runs
// after the constructors that make the process's lasting objects. The program's exit handlers,
// registered later, run before ours; ExitRank orders ours.
[[gnu::constructor]] void Start(int count, char** arguments) try {
  StartGrowthTrace();
  const bool only_looks =
      alkaid_only_looks != nullptr && alkaid_only_looks(count, arguments) && !IsOutputOwner();
  if (!only_looks) {
    StartTracking();
    StartHeapFiles(OutputOwner());
    StartLeakProfile(OutputOwner());
    StartHeapFilesAtStamps(OutputOwner());
    StartExitSignals();
  }
  StartReservations();
  if (!only_looks) SayUnknownVariables();
} catch (const std::bad_alloc&) {
  Notice(
      "out of memory while the library was loaded: some of its environment variables have no "
      "effect");
}

}  // namespace
}  // namespace alkaid::internal
