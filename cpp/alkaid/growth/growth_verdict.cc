#include "alkaid/growth/growth_verdict.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <vector>

namespace alkaid::growth {
namespace {

// From this share on an account is most of another's growth.
constexpr double kMajority = 0.5;
// The later half is flat when it adds less than this share of what was added before it.
constexpr double kFlat = 0.25;
// A rise counts only when it is this many times the later half's scatter.
constexpr double kAboveScatter = 4;
// MB. What an allocator keeps creeps up to its high-water mark; a smaller rise is not worth
// reporting.
constexpr double kMinRise = 1;
// MB, and MB per event. The same for accounts whose blocks are counted, which do not creep up by
// themselves.
constexpr double kMinCountedRise = 0.1;
constexpr double kMinCountedSlope = 0.001;
// MB per event: what a profile that grows in memory takes for each of its stamps at most.
constexpr double kOwnSlope = 2 * sizeof(MemoryStamp) / 1e6;

using Columns = std::array<std::vector<double>, kAccounts>;

std::vector<double>& At(Columns& columns, Account account) {
  return columns[static_cast<size_t>(account)];
}

std::vector<double> Difference(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> difference(a.size());
  for (size_t i = 0; i < a.size(); ++i) difference[i] = a[i] - b[i];
  return difference;
}

bool IsEmpty(const std::vector<double>& column) {
  return std::all_of(column.begin(), column.end(), [](double x) { return x == 0; });
}

Columns ColumnsOf(std::span<const MemoryStamp> stamps) {
  Columns columns;
  for (std::vector<double>& column : columns) column.reserve(stamps.size());
  for (const MemoryStamp& stamp : stamps) {
    At(columns, Account::kVm).push_back(stamp.vm_mb);
    At(columns, Account::kRss).push_back(stamp.rss_mb);
    At(columns, Account::kLive).push_back(stamp.live_mb);
    At(columns, Account::kHeld).push_back(stamp.held_mb);
    At(columns, Account::kInUse).push_back(stamp.in_use_mb);
    At(columns, Account::kRoots).push_back(stamp.roots_mb);
    At(columns, Account::kVisible).push_back(stamp.visible_mb);
  }
  // A writer that knows no RSS knows none of the other accounts.
  if (IsEmpty(At(columns, Account::kRss))) {
    for (size_t i = static_cast<size_t>(Account::kRss); i < columns.size(); ++i) {
      columns[i].assign(stamps.size(), kUnknown);
    }
  }
  for (const Account account : {Account::kVm, Account::kHeld, Account::kInUse}) {
    if (IsEmpty(At(columns, account))) At(columns, account).assign(stamps.size(), kUnknown);
  }
  // Pools may hold nothing, but a writer that knows pools knows their allocators too.
  const std::vector<double>& in_use = At(columns, Account::kInUse);
  if (IsEmpty(At(columns, Account::kLive)) &&
      std::none_of(in_use.begin(), in_use.end(), [](double x) { return std::isfinite(x); })) {
    At(columns, Account::kLive).assign(stamps.size(), kUnknown);
  }
  const auto subtract = [&columns](Account to, Account a, Account b) {
    At(columns, to) = Difference(At(columns, a), At(columns, b));
  };
  subtract(Account::kOwnMalloc, Account::kInUse, Account::kLive);
  subtract(Account::kKept, Account::kHeld, Account::kInUse);
  subtract(Account::kElsewhere, Account::kRss, Account::kHeld);
  subtract(Account::kHidden, Account::kRoots, Account::kVisible);
  return columns;
}

// In all, without what the profile's own stamps may take.
double TotalOf(const LineFit& fit) {
  return (fit.slope - kOwnSlope) * static_cast<double>(fit.points - 1);
}

bool IsSure(const LineFit& fit, const GrowthOptions& options) {
  if (!(fit.low > 0)) return false;
  return fit.slope >= options.least_mb || TotalOf(fit) >= options.much_mb;
}

// Whether it rose and then stayed: the rise is large against the scatter, and the later half adds
// little to it.
bool LevelsOff(const AccountGrowth& growth, const GrowthOptions& options) {
  const LineFit& fit = growth.fit;
  const LineFit& later = growth.later;
  if (fit.points < kMinStamps || later.points < 3 || IsSure(later, options)) return false;
  const double rise = later.middle - fit.first;
  const double enough = options.least_mb * static_cast<double>(fit.points - 1);
  const double in_later_half = later.slope * static_cast<double>(later.points - 1);
  return rise >= enough && rise >= kAboveScatter * later.scatter &&
         std::abs(in_later_half) <= kFlat * rise;
}

// The later half must go on like the whole: a single rise does not count.
bool GrowsBelowLimit(const AccountGrowth& growth, bool is_counted) {
  const double total = TotalOf(growth.fit);
  const bool is_enough = total >= kMinRise || (is_counted && total >= kMinCountedRise &&
                                               growth.fit.slope >= kMinCountedSlope);
  return growth.fit.points >= kMinStamps && !growth.grows && !growth.levels_off &&
         growth.fit.low > 0 && is_enough && growth.later.slope >= kMajority * growth.fit.slope;
}

AccountGrowth GrowthOf(Account account, std::span<const double> column, size_t warm_up,
                       const GrowthOptions& options) {
  AccountGrowth growth;
  growth.fit = FitLine(column, warm_up, options.confidence);
  const size_t middle = warm_up + (column.size() - warm_up) / 2;
  growth.later = FitLine(column, middle, options.confidence);
  growth.levels_off = LevelsOff(growth, options);
  growth.lately = FitLateGrowth(column, warm_up, options.confidence);
  growth.grows =
      growth.fit.points >= kMinStamps &&
      ((IsSure(growth.fit, options) && !growth.levels_off) || IsSure(growth.lately, options));
  const bool is_counted = account == Account::kLive || account == Account::kOwnMalloc;
  growth.grows_below_limit = GrowsBelowLimit(growth, is_counted);
  return growth;
}

std::optional<ReleasedMemory> ReleasedIn(std::span<const MemoryStamp> stamps) {
  for (size_t i = stamps.size(); i-- > 0;) {
    const MemoryStamp& stamp = stamps[i];
    if (std::isfinite(stamp.released_rss_mb) || std::isfinite(stamp.released_held_mb)) {
      return ReleasedMemory{.stamp = i,
                            .rss_mb = stamp.rss_mb - stamp.released_rss_mb,
                            .held_mb = stamp.held_mb - stamp.released_held_mb};
    }
  }
  return std::nullopt;
}

// Whether the release gave back most of what `account` had grown by until then.
bool WasReleased(const GrowthVerdict& all, Account account) {
  if (!all.released || all.released->stamp <= all.warm_up) return false;
  const double grown =
      all.of(account).fit.slope * static_cast<double>(all.released->stamp - all.warm_up);
  // Memory that was mapped and never touched counts as held, and its release frees no memory.
  if (std::isfinite(all.released->rss_mb)) return all.released->rss_mb >= kMajority * grown;
  return all.released->held_mb >= kMajority * grown;  // false for NaN
}

bool Grows(const AccountGrowth& growth) { return growth.grows || growth.grows_below_limit; }

// Whether the growth of RSS may be first touches of memory that the allocators had mapped before.
bool IsFirstTouch(const GrowthVerdict& all) {
  return all.judged == Account::kRss && all.of(Account::kInUse).known() &&
         !Grows(all.of(Account::kInUse)) && !Grows(all.of(Account::kLive)) &&
         !all.of(Account::kVm).grows &&
         all.of(Account::kHeld).fit.last >= all.of(Account::kRss).fit.last;
}

bool IsRetention(const GrowthVerdict& all) {
  const double live = all.of(Account::kLive).fit.slope;
  return all.of(Account::kRoots).grows && all.of(Account::kHidden).grows &&
         all.of(Account::kHidden).fit.slope >= kMajority * live;
}

// The innermost account with most of the growth sets a bound; the cause is the largest difference
// up to it. An account further out can fall while one further in grows: fresh blocks come out of
// memory that was mapped before.
Account CauseOf(const GrowthVerdict& all) {
  constexpr std::array<Account, 3> kWithin = {Account::kLive, Account::kInUse, Account::kHeld};
  constexpr std::array<Account, 3> kShare = {Account::kLive, Account::kOwnMalloc, Account::kKept};
  const double whole = all.of(all.judged).fit.slope;
  for (size_t i = 0; i < kWithin.size(); ++i) {
    const AccountGrowth& within = all.of(kWithin[i]);
    if (!Grows(within) || within.fit.slope < kMajority * whole) continue;
    Account cause = kShare[0];
    for (size_t j = 1; j <= i; ++j) {
      // False where the slope of `cause` is not known: then it cannot be the largest.
      if (!(all.of(cause).fit.slope >= all.of(kShare[j]).fit.slope)) cause = kShare[j];
    }
    return cause;
  }
  if (!all.of(Account::kLive).known()) return Account::kVm;
  // An allocator that maps much at once grows in steps, which make its interval too wide to show
  // growth.
  const bool kept =
      all.of(Account::kKept).fit.slope > all.of(Account::kElsewhere).fit.slope;  // false for NaN
  return kept ? Account::kKept : Account::kElsewhere;
}

Verdict VerdictOf(const GrowthVerdict& all) {
  switch (all.cause) {
    case Account::kLive:
      return IsRetention(all) ? Verdict::kRetention : Verdict::kLeak;
    case Account::kKept:
      return WasReleased(all, all.cause) ? Verdict::kAllocatorCache : Verdict::kFragmentation;
    case Account::kElsewhere:
      // Then the growth is an allocator's, which had the pages mapped before.
      return WasReleased(all, all.judged) || IsFirstTouch(all) ? Verdict::kAllocatorCache
                                                               : Verdict::kOutside;
    case Account::kOwnMalloc:
      return Verdict::kOutside;
    default:
      return Verdict::kUnexplained;
  }
}

// Of what is counted, if any of it grows: heap files find who allocates that. kVm where none of the
// differences is known to grow.
Account GreatestBelowLimit(const GrowthVerdict& all) {
  constexpr std::array<Account, 2> kCounted = {Account::kLive, Account::kOwnMalloc};
  constexpr std::array<Account, 2> kRest = {Account::kKept, Account::kElsewhere};
  for (const auto& accounts : {kCounted, kRest}) {
    Account greatest = Account::kVm;
    for (const Account account : accounts) {
      if (!all.of(account).grows_below_limit) continue;
      if (greatest == Account::kVm || all.of(account).fit.slope > all.of(greatest).fit.slope) {
        greatest = account;
      }
    }
    if (greatest != Account::kVm) return greatest;
  }
  return Account::kVm;
}

void Judge(GrowthVerdict* all) {
  all->judged = all->of(Account::kRss).known() ? Account::kRss : Account::kVm;
  if (all->of(all->judged).fit.points < kMinStamps) return;
  all->verdict = Verdict::kNone;
  if (all->of(all->judged).grows) {
    all->cause = CauseOf(*all);
    all->verdict = VerdictOf(*all);
    return;
  }
  // Memory that is never touched, or swapped out, does not show in RSS.
  for (const Account account : {Account::kLive, Account::kOwnMalloc}) {
    if (!all->of(account).grows) continue;
    all->judged = account;
    all->cause = account;
    all->verdict = VerdictOf(*all);
    return;
  }
  for (const Account account : {all->judged, Account::kLive, Account::kOwnMalloc}) {
    if (!all->of(account).grows_below_limit) continue;
    all->judged = account;
    all->cause = GreatestBelowLimit(*all);
    all->verdict = Verdict::kBelowLimit;
    return;
  }
  const AccountGrowth& growth = all->of(all->judged);
  if (growth.levels_off && growth.later.middle - growth.fit.first >= kMinRise) {
    all->verdict = Verdict::kLevelsOff;
  }
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kTooFewStamps:
      return "too few stamps";
    case Verdict::kNone:
      return "none";
    case Verdict::kLeak:
      return "leak";
    case Verdict::kRetention:
      return "retention by views";
    case Verdict::kFragmentation:
      return "fragmentation";
    case Verdict::kAllocatorCache:
      return "allocator cache";
    case Verdict::kOutside:
      return "growth outside the pools";
    case Verdict::kLevelsOff:
      return "growth that levels off";
    case Verdict::kUnexplained:
      return "growth of unknown cause";
    case Verdict::kBelowLimit:
      return "growth below the limit";
  }
  return "";
}

std::string_view AccountName(Account account) {
  constexpr std::array<std::string_view, kAccounts> kNames = {
      "VM",      "RSS",          "live in pools", "held by allocators", "in use",      "roots",
      "visible", "other malloc", "free but kept", "not by allocators",  "out of sight"};
  return kNames[static_cast<size_t>(account)];
}

double GrowthVerdict::ShareOf(Account account) const {
  if (!of(judged).grows && !of(judged).grows_below_limit) return kUnknown;
  return of(account).fit.slope / of(judged).fit.slope;
}

GrowthVerdict JudgeGrowth(std::span<const MemoryStamp> stamps, const GrowthOptions& options) {
  GrowthVerdict all;
  all.options = options;
  all.stamps = stamps.size();
  all.warm_up = std::min(options.warm_up.value_or(DefaultWarmUp(stamps.size())), stamps.size());
  if (stamps.empty()) return all;
  const Columns columns = ColumnsOf(stamps);
  for (size_t i = 0; i < kAccounts; ++i) {
    all.accounts[i] = GrowthOf(static_cast<Account>(i), columns[i], all.warm_up, options);
  }
  all.released = ReleasedIn(stamps);
  Judge(&all);
  return all;
}

}  // namespace alkaid::growth
