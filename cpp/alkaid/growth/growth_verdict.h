// JudgeGrowth: whether a process grows, and whose growth it is.
//
// Each account of a profile (memory_stamp.h) gets a line (line_fit.h). An account grows when the
// interval of its slope lies above zero, its slope is at least a stated figure, and its later half
// goes on growing; or when that holds for its last part alone. Of what RSS grows by, the
// differences between neighbouring accounts say whose it is: the pools' (live), the program's own
// malloc (in_use - live), what the allocators keep free (held - in_use), or nobody's that is known
// (rss - held). Slopes are compared, never levels: the held of the C library and of mimalloc counts
// what they have mapped and never touched.
//
// Columns that are zero throughout are taken for not filled in: no process has an RSS of nothing,
// and older writers of such files leave columns empty.
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
  kNone,          // no growth that can be told from noise
  kLeak,          // what the pools have handed out grows, and is still in sight where that is known
  kRetention,     // roots grow, what can be seen of them does not: small views keep big blocks
  kFragmentation,   // live is flat, what the allocators hold grows, and they cannot give it back
  kAllocatorCache,  // the same, but they can
  kOutside,         // RSS grows, and nothing of the pools' does
  kLevelsOff,       // it grew by a MB or more, and the later half is flat
  kUnexplained,     // grows, but the file has no columns that tell whose it is
  kBelowLimit,      // grows without doubt, by a MB or more, and by less than is called growth
};
// "leak", "retention by views", ...
ALKAID_EXPORT std::string_view VerdictName(Verdict verdict);

// In the order of GrowthVerdict::accounts. Those behind kVisible are differences.
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
  LineFit later;  // of the later half of these
  // Of the last part, where growth began late or gets faster; else without points.
  LineFit lately;
  bool grows = false;
  // The interval lies above zero and it came to a MB or more, which both limits allow.
  bool grows_below_limit = false;
  bool levels_off = false;
  // MB, by the line: what the stamps after the warm-up came to.
  double total_mb() const {
    return fit.points == 0 ? 0 : fit.slope * static_cast<double>(fit.points - 1);
  }
  bool known() const { return fit.points > 0; }
};

// What ReleaseUnused gave back in the last stamp where it was tried.
struct ReleasedMemory {
  size_t stamp = 0;  // its index
  double rss_mb = kUnknown;
  double held_mb = kUnknown;
};

struct GrowthOptions {
  // Stamps at the front that are not looked at; by default a tenth of all.
  std::optional<size_t> warm_up = std::nullopt;
  // MB per event; slower growth is called none. At this rate a million events take 10 GB.
  double least_mb = 0.01;
  // MB in all; what came to so much is growth, however slow.
  double much_mb = 10;
  double confidence = kDefaultConfidence;
};

// Fewer than these after the warm-up have no verdict.
inline constexpr size_t kFewestStamps = 8;

struct GrowthVerdict {
  Verdict verdict = Verdict::kTooFewStamps;
  size_t stamps = 0;
  size_t warm_up = 0;
  GrowthOptions options;
  std::array<AccountGrowth, kAccounts> accounts;
  // The account that the verdict is of: RSS, VM where there is no RSS, or live.
  Account judged = Account::kVm;
  // Whose the growth is; kVm where that is not known.
  Account cause = Account::kVm;
  std::optional<ReleasedMemory> released;

  const AccountGrowth& of(Account account) const { return accounts[static_cast<size_t>(account)]; }
  // What part of the judged account's slope is this one's; NaN where either is not known or the
  // judged one does not grow.
  ALKAID_EXPORT double ShareOf(Account account) const;
};

ALKAID_EXPORT GrowthVerdict JudgeGrowth(std::span<const MemoryStamp> stamps,
                                        const GrowthOptions& options = {});

// A tenth of the stamps.
constexpr size_t DefaultWarmUp(size_t stamps) { return stamps / 10; }

}  // namespace alkaid::growth
