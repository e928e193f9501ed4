// JudgeGrowth: whether a process grows, and which part of its memory is responsible.
//
// Each account of a profile (memory_stamp.h) gets a line (line_fit.h). An account grows when
//   - the interval of its slope lies above zero, and
//   - its slope or its total is at least a stated figure, and
//   - it does not level off in its later half,
// or when its last part alone rises by so much. The differences between neighbouring accounts show
// where growth of RSS comes from: the pools (live), the program's own malloc (in_use - live),
// memory that the allocators keep free (held - in_use), or an unknown source (rss - held). Only
// slopes are compared, never levels: held of the C library and of mimalloc includes memory that
// they have mapped and never touched.
//
// A column that is zero throughout counts as not filled in: no process has an RSS of 0, and older
// writers of such files leave columns empty. Only live may be 0 throughout, where in_use is known.
//
// Ownership: values. Threads: free of state. Out of memory: std::bad_alloc.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/growth/line_fit.h"
#include "alkaid/growth/memory_stamp.h"

namespace alkaid::growth {

enum class Verdict {
  kTooFewStamps,  // nothing can be said
  kNone,          // no growth that can be distinguished from noise
  kLeak,          // what the pools have handed out grows, and stays visible where views are tracked
  kRetention,     // roots grow and their visible part does not: small views keep big blocks
  kFragmentation,   // live is flat, what the allocators hold grows, and they cannot give it back
  kAllocatorCache,  // the same, but they can
  kOutside,         // RSS grows, and nothing of the pools does
  kLevelsOff,       // it grew by a MB or more, and the later half is flat
  kUnexplained,     // it grows, but the file lacks the columns that would say where
  kBelowLimit,      // certainly grows, but by less than counts as growth
};
// "leak", "retention by views", ...
ALKAID_EXPORT std::string_view VerdictName(Verdict verdict);

// In the order of GrowthVerdict::accounts. Those after kVisible are differences.
enum class Account {
  kVm,
  kRss,
  kLive,
  kHeld,
  kInUse,
  kRoots,
  kVisible,
  kOwnMalloc,  // in_use - live
  kKept,       // held - in_use
  kElsewhere,  // rss - held
  kHidden,     // roots - visible
};
inline constexpr size_t kAccounts = 11;
// "RSS", "live in pools", ...
ALKAID_EXPORT std::string_view AccountName(Account account);

struct AccountGrowth {
  LineFit fit;    // of all stamps after the warm-up
  LineFit later;  // of the later half of them
  // Of the last part, where growth began late or accelerates; otherwise without points.
  LineFit lately;
  bool grows = false;
  // The interval lies above zero, but slope and total are below both limits. The total is a MB or
  // more; for live and other malloc, which are counted, 0.1 MB at 1,000 bytes per event or more.
  bool grows_below_limit = false;
  bool levels_off = false;
  // MB by which the line rises over the stamps after the warm-up.
  double total_mb() const {
    return fit.points == 0 ? 0 : fit.slope * static_cast<double>(fit.points - 1);
  }
  bool known() const { return fit.points > 0; }
};

// What ReleaseUnused gave back at the last stamp where it was tried.
struct ReleasedMemory {
  size_t stamp = 0;  // its index
  double rss_mb = kUnknown;
  double held_mb = kUnknown;
};

struct GrowthOptions {
  // Stamps at the front that are ignored; by default a tenth of all.
  std::optional<size_t> warm_up = std::nullopt;
  // MB per event; slower growth does not count. At this rate a million events take 10 GB.
  double least_mb = 0.01;
  // MB in all; a total of this much counts as growth, however slow.
  double much_mb = 10;
  double confidence = kDefaultConfidence;
};

// With fewer stamps after the warm-up there is no verdict.
inline constexpr size_t kMinStamps = 8;

struct GrowthVerdict {
  Verdict verdict = Verdict::kTooFewStamps;
  size_t stamps = 0;
  size_t warm_up = 0;
  GrowthOptions options;
  std::array<AccountGrowth, kAccounts> accounts;
  // The account that the verdict is about: RSS, VM where RSS is unknown, live, or other malloc.
  Account judged = Account::kVm;
  // The account that the growth comes from; kVm where that is not known.
  Account cause = Account::kVm;
  std::optional<ReleasedMemory> released;

  const AccountGrowth& of(Account account) const { return accounts[static_cast<size_t>(account)]; }
  // This account's share of the judged account's slope; NaN where either is not known or the judged
  // account does not grow.
  ALKAID_EXPORT double ShareOf(Account account) const;
};

ALKAID_EXPORT GrowthVerdict JudgeGrowth(std::span<const MemoryStamp> stamps,
                                        const GrowthOptions& options = {});

// A tenth of the stamps.
constexpr size_t DefaultWarmUp(size_t stamps) { return stamps / 10; }

}  // namespace alkaid::growth
