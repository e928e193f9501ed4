#include "alkaid/growth/growth_report.h"

#include <cmath>

#include "alkaid/base/number_text.h"
#include "alkaid/growth/growth_evidence.h"
#include "alkaid/growth/memory_text.h"

namespace alkaid::growth {
namespace {

using internal::Format;

std::string SummaryLine(char name, double first, double last, size_t stamps, int digits) {
  std::string line = Format(" %c0 ", name) + Format("%12.*f", digits, first) +
                     Format(" %c1 ", name) + Format("%12.*f", digits, last) +
                     Format(" d%c %#10.6g", name, last - first);
  if (stamps > 1) {
    line += Format(" d%c/(num_stamp-1) %#10.6g", name,
                   (last - first) / static_cast<double>(stamps - 1));
  }
  return line + "\n";
}

}  // namespace

std::string SummaryLines(std::span<const MemoryStamp> stamps) {
  std::string text = Format("num_stamp %zu v0,v1 VmSize(MB)", stamps.size());
  if (stamps.empty()) return text + "\n";
  const MemoryStamp& first = stamps.front();
  const MemoryStamp& last = stamps.back();
  const bool has_rss = std::isfinite(first.rss_mb) && (first.rss_mb != 0 || last.rss_mb != 0);
  text += has_rss ? " r0,r1 RSS(MB)\n" : "\n";
  text += SummaryLine('t', first.time_s, last.time_s, stamps.size(), 1);
  text += SummaryLine('v', first.vm_mb, last.vm_mb, stamps.size(), 3);
  if (has_rss) text += SummaryLine('r', first.rss_mb, last.rss_mb, stamps.size(), 3);
  return text;
}

std::string FitLines(const GrowthVerdict& verdict) {
  const std::string of = std::string(AccountName(verdict.judged)) + "'s";
  std::string text = Format("  %-18s %10s  %10s %10s  %12s %12s  %s\n", "MB", "per event",
                            "between", "and", "from", "to", ("of " + of).c_str());
  for (size_t i = 0; i < kAccounts; ++i) {
    const Account account = static_cast<Account>(i);
    const LineFit& fit = verdict.of(account).fit;
    if (fit.points < 2) continue;
    const bool has_share = i >= static_cast<size_t>(Account::kLive);
    std::string line = Format(
        "  %-18s %10s  %10s %10s  %12s %12s  %s", std::string(AccountName(account)).c_str(),
        SignedMbNumber(fit.slope).c_str(), SignedMbNumber(fit.low).c_str(),
        SignedMbNumber(fit.high).c_str(), MbNumber(fit.first).c_str(), MbNumber(fit.last).c_str(),
        has_share ? internal::WholePercentText(verdict.ShareOf(account)).c_str() : "");
    text += line.erase(line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

namespace {

// What a service does instead of ending: the commands of an advice wait for the end of each run.
std::string AdviceForService(const LeakProfileRun& run, const std::string& advice) {
  using enum LeakProfileRun::End;
  if (run.end != kRunning && run.end != kWithoutWord && run.end != kSignal) return "";
  if (advice.find("ALKAID_HEAP_AT_STAMPS=") == std::string::npos) return "";
  return "  If it does not end by itself: ALKAID_HEAP_SIGNAL=USR2 in place of "
         "ALKAID_HEAP_AT_STAMPS, "
         "and\n  kill -USR2 PID for each file.\n";
}

}  // namespace

std::string GrowthReport(std::span<const MemoryStamp> stamps, const GrowthVerdict& verdict,
                         const LeakProfileRun& run) {
  std::string text = SummaryLines(stamps);
  const LineFit& fit = verdict.of(verdict.judged).fit;
  text += Format("line fit:  slope %10s    intercept %12s\n\n", MbNumber(fit.slope).c_str(),
                 MbNumber(fit.Intercept()).c_str());
  text +=
      Format("Least squares over %zu stamps (%zu more in front are warm-up), intervals of %g %%:\n",
             stamps.size() - verdict.warm_up, verdict.warm_up, 100 * verdict.options.confidence);
  text += FitLines(verdict);
  const std::string how = RunText(run, stamps.empty() ? kUnknown : stamps.back().time_s);
  if (!how.empty()) text += "\nRun: " + how + ".\n";
  text += "\nVerdict: " + std::string(VerdictName(verdict.verdict)) + "\n";
  for (const std::string& sentence : EvidenceOf(stamps, verdict)) text += "  " + sentence + "\n";
  const std::string advice = AdviceOf(verdict, run.command);
  if (!advice.empty()) text += "Next: " + advice + "\n" + AdviceForService(run, advice);
  return text;
}

}  // namespace alkaid::growth
