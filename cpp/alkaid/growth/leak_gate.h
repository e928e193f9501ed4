// The decision of a leak gate: does this run grow by more than it may?
//
// A gate that cries wolf is switched off, so it alarms only when three things hold for one of the
// gated accounts: the lower bound of its slope's interval (line_fit.h) passes the stated figure,
// its later half's slope passes it too, and enough stamps are left after the warm-up. What is slow
// and goes on for long is judged by what it came to in all: the lower bound of that passes a figure
// of its own. Or when the
// lower bound for its last half or quarter alone does, and it ends above all that was before. What
// it can be fooled by: growth that the run is too short for; a sawtooth whose first tooth is longer
// than the run, which no one can tell from a leak.
//
// Before it is believed, a gate is shown a leak: a run with a planted one must alarm, and the slope
// must be greater than that of the run without by what was planted.
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
  // Those that a profile does not know are passed over, as long as it knows one.
  std::vector<Account> accounts = {Account::kRss, Account::kLive};
};

// What the gate saw in one account.
struct GatedAccount {
  Account account = Account::kRss;
  LineFit fit;
  double later_slope = LineFit::kNone;
  LineFit lately;  // of the last part, where growth began late or gets faster
  bool levels_off = false;
  bool alarms = false;
  // Grows without doubt, by a MB or more in all, which is allowed.
  bool grows_below_limit = false;
  // MB after the warm-up, by the line.
  double total_mb() const { return fit.slope * static_cast<double>(fit.points - 1); }
};

struct LeakGateResult {
  std::vector<GatedAccount> accounts;
  GrowthVerdict verdict;  // with what is allowed as the least that is called growth
  // The first account that alarms; null where none does.
  ALKAID_EXPORT const GatedAccount* Alarm() const;
  // The first account that grows by no more than is allowed; null where none does, or one alarms.
  ALKAID_EXPORT const GatedAccount* BelowLimit() const;
  // The first account in which a leak of `planted_mb` more than is allowed could hide: the interval
  // goes beyond that, and it does not level off. Null where there is none: of such a leak no alarm
  // is as good as its absence.
  ALKAID_EXPORT const GatedAccount* Blind(double planted_mb) const;
};

// kFailedPrecondition where fewer than kFewestStamps are left after the warm-up, or none of the
// accounts is known; kInvalidArgument for figures that make no sense.
ALKAID_EXPORT Result<LeakGateResult> RunLeakGate(std::span<const MemoryStamp> stamps,
                                                 const LeakGateOptions& options = {});

// Whether a leak of `planted_mb` per event has to alarm. kFailedPrecondition where it is allowed, with
// what to change: that the gate does not see it would say nothing.
ALKAID_EXPORT Status CheckPlantedAlarms(double planted_mb, double max_mb);

// Whether the run with a leak of `planted_mb` per event alarms and, where there is a clean one, its
// slope differs from the clean one's by the planted one, within `tolerance` of it (0.1 for 10 %)
// and what both intervals leave open. kFailedPrecondition where not, with the reason: nothing that
// such a gate says can be believed. Compared is the first account that both know.
ALKAID_EXPORT Status CheckLeakGateControl(const LeakGateResult& planted,
                                          const LeakGateResult* clean, double planted_mb,
                                          double tolerance);

}  // namespace alkaid::growth
