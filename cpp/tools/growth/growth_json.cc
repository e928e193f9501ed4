#include "tools/growth/growth_json.h"

#include <algorithm>
#include <cmath>

#include "alkaid/growth/growth_evidence.h"

namespace alkaid::tools {
namespace {

using growth::Account;
using growth::AccountGrowth;
using growth::GrowthVerdict;
using growth::MemoryStamp;
using nlohmann::ordered_json;

ordered_json Number(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

ordered_json AccountJson(const GrowthVerdict& verdict, Account account) {
  const AccountGrowth& growth = verdict.of(account);
  const growth::LineFit& fit = growth.fit;
  return {{"name", growth::AccountName(account)},
          {"points", fit.points},
          {"slope", Number(fit.slope)},
          {"low", Number(fit.low)},
          {"high", Number(fit.high)},
          {"intercept", Number(fit.Intercept())},
          {"middle_index", Number(fit.middle_index)},
          {"middle", Number(fit.middle)},
          {"from", Number(fit.first)},
          {"to", Number(fit.last)},
          {"scatter", Number(fit.scatter)},
          {"later_slope", Number(growth.later.slope)},
          {"grows", growth.grows},
          {"grows_below_limit", growth.grows_below_limit},
          {"total", Number(growth.total_mb())},
          {"levels_off", growth.levels_off},
          {"share", Number(verdict.ShareOf(account))}};
}

ordered_json SummaryJson(double first, double last, size_t stamps) {
  const double change = last - first;
  return {{"first", Number(first)},
          {"last", Number(last)},
          {"change", Number(change)},
          {"per_event",
           stamps < 2 ? ordered_json(nullptr) : Number(change / static_cast<double>(stamps - 1))}};
}

}  // namespace

ordered_json GrowthJson(const std::string& file, std::span<const MemoryStamp> stamps,
                        const GrowthVerdict& verdict, const growth::LeakProfileRun& run) {
  ordered_json json = {{"file", file}, {"num_stamp", stamps.size()}};
  if (!stamps.empty()) {
    const MemoryStamp& first = stamps.front();
    const MemoryStamp& last = stamps.back();
    json["time_s"] = SummaryJson(first.time_s, last.time_s, stamps.size());
    json["vm_mb"] = SummaryJson(first.vm_mb, last.vm_mb, stamps.size());
    if (verdict.of(Account::kRss).known()) {
      json["rss_mb"] = SummaryJson(first.rss_mb, last.rss_mb, stamps.size());
    }
  }
  json["warm_up"] = verdict.warm_up;
  json["confidence"] = verdict.options.confidence;
  json["least_mb"] = verdict.options.least_mb;
  json["verdict"] = growth::VerdictName(verdict.verdict);
  json["judged"] = growth::AccountName(verdict.judged);
  // Without growth there is no cause.
  json["cause"] = verdict.cause == Account::kVm ? ordered_json(nullptr)
                                                : ordered_json(growth::AccountName(verdict.cause));
  json["evidence"] = growth::EvidenceOf(stamps, verdict);
  json["next"] = growth::AdviceOf(verdict, run.command);
  json["accounts"] = ordered_json::array();
  for (size_t i = 0; i < growth::kAccounts; ++i) {
    const Account account = static_cast<Account>(i);
    if (verdict.of(account).known()) json["accounts"].push_back(AccountJson(verdict, account));
  }
  json["run"] = nullptr;
  if (run.end != growth::LeakProfileRun::End::kNotRecorded) {
    json["run"] = {
        {"end", growth::RunEndName(run.end)},
        {"process", run.process},
        {"signal", run.signal == 0 ? ordered_json(nullptr) : ordered_json(run.signal)},
        {"command", run.command.empty() ? ordered_json(nullptr) : ordered_json(run.command)}};
  }
  json["released"] = nullptr;
  if (verdict.released) {
    json["released"] = {{"rss_mb", Number(verdict.released->rss_mb)},
                        {"held_mb", Number(verdict.released->held_mb)}};
  }
  return json;
}

ordered_json PointsJson(std::span<const MemoryStamp> stamps, size_t most) {
  ordered_json index = ordered_json::array();
  ordered_json vm = ordered_json::array();
  ordered_json rss = ordered_json::array();
  ordered_json live = ordered_json::array();
  const size_t count = std::min(stamps.size(), most);
  for (size_t i = 0; i < count; ++i) {
    const size_t at = count < 2 ? 0 : i * (stamps.size() - 1) / (count - 1);
    index.push_back(at);
    vm.push_back(Number(stamps[at].vm_mb));
    rss.push_back(Number(stamps[at].rss_mb));
    live.push_back(Number(stamps[at].live_mb));
  }
  return {{"index", index}, {"vm", vm}, {"rss", rss}, {"live", live}};
}

}  // namespace alkaid::tools
