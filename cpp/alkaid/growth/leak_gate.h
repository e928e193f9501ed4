// The decision of a leak gate: does this run grow by more than it may?
//
// A gate with false alarms is switched off. So it alarms only when all of these hold for one of the
// gated accounts:
//   - the lower bound of its slope's interval (line_fit.h) passes the stated figure,
//   - the slope of its later half passes it too,
//   - enough stamps are left after the warm-up.
// Slow growth over a long run is judged by its total: the lower bound of that passes a figure of
// its own. An account also alarms when the lower bound for its last half or quarter alone passes,
// and that part ends above everything before it. Two things fool the gate: growth for which the run
// is too short, and a sawtooth whose first tooth is longer than the run, which nothing
// distinguishes from a leak.
//
// Before a gate is trusted it is shown a leak: a run with a planted leak must alarm, and its slope
// must exceed that of the run without by the planted amount.
//
// Ownership: values. Threads: free of state. Out of memory: kResourceExhausted.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/growth/growth_verdict.h"
#include "alkaid/growth/memory_stamp.h"

namespace alkaid::growth {

struct LeakGateOptions {
  double max_mb = 0.1;                                            // per event
  double max_total_mb = std::numeric_limits<double>::infinity();  // after the warm-up
  std::optional<size_t> warm_up = std::nullopt;  // stamps; by default a tenth of all
  double confidence = kDefaultConfidence;
  // Accounts that a profile does not know are skipped, as long as it knows one of them.
  std::vector<Account> accounts = {Account::kRss, Account::kLive, Account::kOwnMalloc};
};

// What the gate saw in one account.
struct GatedAccount {
  Account account = Account::kRss;
  LineFit fit;
  double later_slope = LineFit::kNone;
  LineFit lately;  // of the last part, where growth began late or accelerates
  bool levels_off = false;
  bool alarms = false;
  // Certainly grows, by a MB or more in all, but by no more than is allowed.
  bool grows_below_limit = false;
  // MB by which the line rises after the warm-up.
  double total_mb() const { return fit.slope * static_cast<double>(fit.points - 1); }
};

struct LeakGateResult {
  std::vector<GatedAccount> accounts;
  GrowthVerdict verdict;  // with the allowed growth as its limits
  // The first account that alarms; null where none does.
  ALKAID_EXPORT const GatedAccount* Alarm() const;
  // The first account that grows by no more than is allowed; null where none does, or one alarms.
  ALKAID_EXPORT const GatedAccount* BelowLimit() const;
  // The first account in which a leak of `planted_mb` more than is allowed could hide: its interval
  // reaches beyond that, and it does not level off. Null where there is none. Without an alarm,
  // such an account says nothing about a leak of that size. Other malloc is examined only
  // alone: as a difference it is the noisiest, and a leak in it shows in RSS too.
  ALKAID_EXPORT const GatedAccount* Blind(double planted_mb) const;
};

// kFailedPrecondition where fewer than kMinStamps are left after the warm-up, or none of the
// accounts is known; kInvalidArgument for figures that make no sense.
ALKAID_EXPORT Result<LeakGateResult> RunLeakGate(std::span<const MemoryStamp> stamps,
                                                 const LeakGateOptions& options = {});

// Whether a leak of `planted_mb` per event has to alarm. kFailedPrecondition, with what to change,
// where such growth is allowed: a gate that then does not alarm proves nothing.
ALKAID_EXPORT Status CheckPlantedAlarms(double planted_mb, double max_mb);

// Checks the gate by two runs: the run with a leak of `planted_mb` per event must alarm. Where
// there is a clean run, the slopes must differ by the planted amount, within `tolerance` of it (0.1
// for 10 %) and the uncertainty of both intervals. The first account that both know is compared.
// kFailedPrecondition, with the reason, where the check fails: such a gate cannot be trusted.
ALKAID_EXPORT Status CheckLeakGateControl(const LeakGateResult& planted,
                                          const LeakGateResult* clean, double planted_mb,
                                          double tolerance);

}  // namespace alkaid::growth
