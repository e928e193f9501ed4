// What the environment asks for when the library is loaded.

#include <cstdio>
#include <string>

#include "alkaid/base/environment.h"
#include "alkaid/heap/reports/heap_requests.h"
#include "alkaid/heap/reports/heap_requests_internal.h"
#include "alkaid/heap/tracking/tracking.h"

namespace alkaid::heap {
namespace {

Status StartFromText(const std::string& text) {
  ALKAID_ASSIGN_OR_RAISE(const TrackingOptions options, ParseTrackingOptions(text));
  return StartTracking(options);
}

void StartTrackingFromEnvironment() {
  const std::string text = internal::GetEnvironment(internal::kTrackAllocationsVariable);
  if (text.empty() || text == "0") return;
  const Status status = StartFromText(text);
  if (status.ok()) return;
  const std::string message(status.message());
  std::fprintf(stderr, "alkaid: %s=%s: %s; tracking stays off\n",
               internal::kTrackAllocationsVariable, text.c_str(), message.c_str());
}

// glibc gives a library's constructors what main gets.
[[gnu::constructor]] void StartFromEnvironment(int count, char** arguments) {
  if (alkaid_only_looks != nullptr && alkaid_only_looks(count, arguments) && !IsHeapOwner()) return;
  StartTrackingFromEnvironment();
  StartHeapRequestsFromEnvironment();
}

}  // namespace
}  // namespace alkaid::heap
