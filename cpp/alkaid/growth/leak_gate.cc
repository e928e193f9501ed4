#include "alkaid/growth/leak_gate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "alkaid/growth/memory_text.h"

namespace alkaid::growth {
namespace {

// The later half must add this share of what the line predicts; below that, growth has stopped.
constexpr double kGoesOn = 0.5;

const GatedAccount* Find(const LeakGateResult& result, Account account) {
  for (const GatedAccount& gated : result.accounts) {
    if (gated.account == account) return &gated;
  }
  return nullptr;
}

std::string Name(Account account) { return std::string(AccountName(account)); }

std::string PerEvent(const LineFit& fit) {
  return SignedMbText(fit.slope) + " per event (between " + SignedMbNumber(fit.low) + " and " +
         SignedMbNumber(fit.high) + ")";
}

}  // namespace

const GatedAccount* LeakGateResult::Alarm() const {
  const auto found = std::find_if(accounts.begin(), accounts.end(),
                                  [](const GatedAccount& gated) { return gated.alarms; });
  return found == accounts.end() ? nullptr : &*found;
}

const GatedAccount* LeakGateResult::BelowLimit() const {
  if (Alarm() != nullptr) return nullptr;
  const auto found = std::find_if(accounts.begin(), accounts.end(), [](const GatedAccount& gated) {
    return gated.grows_below_limit;
  });
  return found == accounts.end() ? nullptr : &*found;
}

const GatedAccount* LeakGateResult::Blind(double planted_mb) const {
  const double most = verdict.options.least_mb + planted_mb;
  const auto found =
      std::find_if(accounts.begin(), accounts.end(), [this, most](const GatedAccount& gated) {
        const bool examined = gated.account != Account::kOwnMalloc || accounts.size() == 1;
        return examined && gated.fit.high > most && !gated.levels_off;
      });
  return found == accounts.end() ? nullptr : &*found;
}

Result<LeakGateResult> RunLeakGate(std::span<const MemoryStamp> stamps,
                                   const LeakGateOptions& options) try {
  if (!(options.max_mb >= 0 && std::isfinite(options.max_mb))) {
    return status::Invalid("a leak gate cannot allow ", options.max_mb, " MB per event");
  }
  if (!(options.max_total_mb >= 0)) {
    return status::Invalid("a leak gate cannot allow ", options.max_total_mb, " MB in all");
  }
  if (!(options.confidence > 0 && options.confidence < 1)) {
    return status::Invalid("a confidence is between 0 and 1, not ", options.confidence);
  }
  LeakGateResult result;
  result.verdict = JudgeGrowth(stamps, {.warm_up = options.warm_up,
                                        .least_mb = options.max_mb,
                                        .much_mb = options.max_total_mb,
                                        .confidence = options.confidence});
  size_t most = 0;
  for (const Account account : options.accounts) {
    const AccountGrowth& growth = result.verdict.of(account);
    most = std::max(most, growth.fit.points);
    if (growth.fit.points < kMinStamps || !growth.fit.HasInterval()) continue;
    GatedAccount gated = {.account = account,
                          .fit = growth.fit,
                          .later_slope = growth.later.slope,
                          .lately = growth.lately,
                          .levels_off = growth.levels_off};
    const double total_low = gated.fit.low * static_cast<double>(gated.fit.points - 1);
    gated.alarms = (gated.fit.low > options.max_mb && gated.later_slope > options.max_mb) ||
                   gated.lately.low > options.max_mb ||
                   (total_low > options.max_total_mb && !gated.levels_off &&
                    gated.later_slope >= kGoesOn * gated.fit.slope);
    gated.grows_below_limit = !gated.alarms && (growth.grows_below_limit || growth.grows);
    result.accounts.push_back(gated);
  }
  if (!result.accounts.empty()) return result;
  return status::FailedPrecondition("the profile has ", stamps.size(),
                                    stamps.size() == 1 ? " stamp, of which " : " stamps, of which ",
                                    most, " after the warm-up of ", result.verdict.warm_up,
                                    " have a figure to judge by; at least ", kMinStamps,
                                    " are needed");
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status CheckPlantedAlarms(double planted_mb, double max_mb) try {
  if (planted_mb > max_mb) return absl::OkStatus();
  return status::FailedPrecondition(
      "the planted leak, ", MbText(planted_mb), " per event, is not above what an event may add, ",
      MbText(max_mb),
      ": it would not alarm, and the gate could not show that it sees a leak. Plant more (--plant ",
      2 * max_mb, "), or allow less (--max-mb)");
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status CheckLeakGateControl(const LeakGateResult& planted, const LeakGateResult* clean,
                            double planted_mb, double tolerance) try {
  const GatedAccount& gated = planted.accounts.front();
  if (!gated.alarms) {
    return status::FailedPrecondition("the gate does not see a leak that was planted: with ",
                                      MbText(planted_mb), " per event, the slope of ",
                                      Name(gated.account), " is ", PerEvent(gated.fit),
                                      "; plant more, take more events, or raise the warm-up");
  }
  if (clean == nullptr) return absl::OkStatus();
  const GatedAccount* const without = Find(*clean, gated.account);
  if (without == nullptr) {
    return status::FailedPrecondition("the run with a planted leak has ", Name(gated.account),
                                      ", the one without does not");
  }
  const double found = gated.fit.slope - without->fit.slope;
  const double unsure =
      std::hypot(gated.fit.high - gated.fit.low, without->fit.high - without->fit.low) / 2;
  if (std::abs(found - planted_mb) <= tolerance * planted_mb + unsure) return absl::OkStatus();
  return status::FailedPrecondition(
      "the gate measures a planted leak wrongly: ", MbText(planted_mb), " per event were planted, ",
      MbText(found), " (give or take ", MbNumber(unsure), ") found in ", Name(gated.account), ": ",
      PerEvent(gated.fit), " with it, ", PerEvent(without->fit), " without; the limits are ",
      MbNumber(planted_mb * (1 - tolerance)), " to ", MbText(planted_mb * (1 + tolerance)),
      "; plant more, take more events, or raise the warm-up");
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::growth
