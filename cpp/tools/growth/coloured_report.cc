#include "tools/growth/coloured_report.h"

#include <string_view>

#include "alkaid/growth/growth_report.h"
#include "tools/support/terminal.h"

namespace alkaid::tools {
namespace {

Emphasis EmphasisOf(growth::Verdict verdict) {
  switch (verdict) {
    case growth::Verdict::kNone:
    case growth::Verdict::kLevelsOff:
      return Emphasis::kGood;
    case growth::Verdict::kTooFewStamps:
    case growth::Verdict::kBelowLimit:
    case growth::Verdict::kAllocatorCache:  // nothing leaks, but RSS did grow
      return Emphasis::kWarning;
    default:
      return Emphasis::kBad;
  }
}

}  // namespace

std::string ColouredReport(const std::vector<growth::MemoryStamp>& stamps,
                           const growth::GrowthVerdict& verdict, const growth::LeakProfileRun& run,
                           int fd) {
  std::string text = growth::GrowthReport(stamps, verdict, run);
  constexpr std::string_view kBefore = "\nVerdict: ";
  const std::string_view name = growth::VerdictName(verdict.verdict);
  const size_t at = text.find(std::string(kBefore).append(name) + "\n");
  if (at == std::string::npos) return text;
  const std::string emphasized = Emphasized(name, EmphasisOf(verdict.verdict), fd);
  return text.replace(at + kBefore.size(), name.size(), emphasized);
}

}  // namespace alkaid::tools
