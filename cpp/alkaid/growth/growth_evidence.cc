#include "alkaid/growth/growth_evidence.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "alkaid/base/number_text.h"
#include "alkaid/base/time_text.h"
#include "alkaid/growth/memory_text.h"

namespace alkaid::growth {
namespace {

using absl::StrCat;
using internal::Format;
using internal::GroupDigits;
using internal::RoughDurationText;
using internal::WholePercentText;

// The growth of the last part is reported when it is this many times that of the whole.
constexpr double kFaster = 1.3;

std::string PerEvent(double mb) { return MbText(mb) + " per event"; }

std::string Between(const LineFit& fit) {
  return StrCat("between ", SignedMbNumber(fit.low), " and ", SignedMbNumber(fit.high));
}

// "At this rate 1,000 MB more take 276 events, 4 min."
std::string RateSentence(std::span<const MemoryStamp> stamps, double slope) {
  const double events = std::ceil(1000 / slope);
  if (!(events < 1e15)) return "";
  const double seconds = (stamps.back().time_s - stamps.front().time_s) /
                         static_cast<double>(stamps.size() - 1) * events;
  return StrCat("At this rate 1,000 MB more take ", GroupDigits(Format("%.0f", events)),
                events == 1 ? " event" : " events",
                seconds > 0 && seconds < 1e12 ? ", " + RoughDurationText(seconds) : "", ".");
}

class Evidence {
 public:
  Evidence(std::span<const MemoryStamp> stamps, const GrowthVerdict& verdict)
      : stamps_(stamps), all_(verdict) {}

  std::vector<std::string> Take() {
    if (all_.verdict == Verdict::kTooFewStamps) {
      SayTooFew();
      return std::move(sentences_);
    }
    SayJudged();
    if (all_.verdict == Verdict::kBelowLimit) {
      SayOthers();
      return std::move(sentences_);
    }
    if (all_.verdict == Verdict::kLevelsOff || all_.verdict == Verdict::kNone) {
      SayOthers();
      SayAddressSpace();
      return std::move(sentences_);
    }
    SayCause();
    SayViews();
    SayReleased();
    SayOthers();
    return std::move(sentences_);
  }

 private:
  using A = Account;

  template <typename... Args>
  void Say(const Args&... args) {
    sentences_.push_back(StrCat(args...));
  }
  const LineFit& Fit(A account) const { return all_.of(account).fit; }
  bool Known(A account) const { return all_.of(account).known(); }
  std::string Name(A account) const { return std::string(AccountName(account)); }
  // "3.62 MB per event (97 %)"
  std::string Part(A account) const {
    const double share = all_.ShareOf(account);
    return StrCat(PerEvent(Fit(account).slope), account != all_.judged && std::isfinite(share)
                                                    ? StrCat(", ", WholePercentText(share), " of ",
                                                             Name(all_.judged), "'s growth")
                                                    : "");
  }

  void SayTooFew() {
    const size_t with_figure = Fit(all_.judged).points;
    Say(all_.stamps, all_.stamps == 1 ? " stamp, " : " stamps, ", all_.warm_up,
        " of them warm-up; ", with_figure, " of the others have ", Name(all_.judged), ". At least ",
        kMinStamps, " are needed.");
  }

  void SayJudged() {
    const AccountGrowth& judged = all_.of(all_.judged);
    const std::string name = Name(all_.judged);
    if (judged.grows) {
      Say(name, " grows by ", PerEvent(judged.fit.slope), ", ", Between(judged.fit), ": ",
          MbText(judged.total_mb()), " in all.");
      // A straight line also passes for late growth.
      const bool faster = judged.lately.slope > kFaster * judged.fit.slope;
      if (faster) {
        Say("It began late, or gets faster: over the last ", judged.lately.points,
            " stamps it grows by ", PerEvent(judged.lately.slope), ", ", Between(judged.lately),
            ".");
      }
      const std::string rate =
          RateSentence(stamps_, judged.lately.points > 0 ? judged.lately.slope : judged.fit.slope);
      if (!rate.empty()) Say(rate);
      if (all_.judged == A::kLive || all_.judged == A::kOwnMalloc) {
        Say(Known(A::kRss) ? "RSS" : "VM", " does not show it: its slope is ",
            Between(Fit(Whole())), " MB per event. ", WhyItDoesNotShow());
      }
    } else if (judged.levels_off) {
      Say(name, " rose from ", MbText(judged.fit.first), " to about ", MbText(judged.later.middle),
          " and stays there: the later half of the stamps adds ", SignedMbText(judged.later.slope),
          " per event, ", Between(judged.later), ".");
    } else {
      SayNoGrowth(judged.fit);
    }
  }

  // Names an account that falls by as much, if there is one.
  std::string WhyItDoesNotShow() const {
    for (const A account : {A::kLive, A::kOwnMalloc, A::kKept, A::kElsewhere}) {
      if (Fit(account).high < 0 && -Fit(account).slope >= Fit(all_.judged).slope / 2) {
        return StrCat("Meanwhile \"", Name(account), "\" falls by ", PerEvent(-Fit(account).slope),
                      ".");
      }
    }
    return "Memory that is untouched or swapped out is not resident.";
  }

  void SayNoGrowth(const LineFit& fit) {
    const std::string name = Name(all_.judged);
    if (fit.low > 0) {
      Say(name, " grows by ", PerEvent(fit.slope), ", ", MbText(all_.of(all_.judged).total_mb()),
          " in all. Growth counts from ", MbText(all_.options.least_mb), " per event",
          std::isfinite(all_.options.much_mb)
              ? StrCat(", or ", MbText(all_.options.much_mb), " in all.")
              : ".");
      const std::string rate = RateSentence(stamps_, fit.slope);
      if (!rate.empty()) Say(rate);
      return;
    }
    if (fit.high < 0) {
      Say(name, " falls by ", PerEvent(-fit.slope), ", ", Between(fit), ".");
      return;
    }
    Say(name, " has no growth that stands out from its noise: ", SignedMbText(fit.slope),
        " per event, ", Between(fit), ".");
    if (fit.high > all_.options.least_mb) {
      Say("A leak of less than ", PerEvent(fit.high),
          " could hide here; a run with more events would show it.");
    }
  }

  void SayAddressSpace() {
    if (all_.judged == A::kVm || !all_.of(A::kVm).grows) return;
    Say("Only address space grows: VM by ", Part(A::kVm),
        ". What is mapped and never touched takes no memory: arenas of threads, reservations, "
        "files.");
  }

  void SayCause() {
    switch (all_.cause) {
      case A::kLive:
        if (all_.judged != A::kLive)
          Say("What the pools have handed out grows by ", Part(A::kLive), ".");
        break;
      case A::kOwnMalloc:
        Say("What malloc has handed out except to the pools grows by ", Part(A::kOwnMalloc),
            ": the program's own new and malloc, or a library's.");
        SayFlat(A::kLive, "What the pools have handed out");
        break;
      case A::kKept:
        Say("Memory that the allocators hold free grows by ", Part(A::kKept), ".");
        SayFlat(A::kLive, "What the pools have handed out");
        break;
      case A::kElsewhere:
        SayOutside();
        break;
      default:
        Say("The file does not say what the pools and the allocators had, so the cause is not "
            "known.");
    }
  }

  void SayFlat(A account, const char* what) {
    if (!Known(account) || all_.of(account).grows || all_.of(account).grows_below_limit) return;
    Say(what, " is flat: ", SignedMbText(Fit(account).slope), " per event, ", Between(Fit(account)),
        ".");
  }

  void SayOutside() {
    SayFlat(A::kLive, "What the pools have handed out");
    if (!Known(A::kHeld)) {
      Say("The file does not say what malloc and the allocators held: it may be the program's own "
          "malloc, free memory that allocators keep, or neither.");
      return;
    }
    SayFlat(A::kInUse, "What malloc and the pools' allocators have handed out");
    Say("Memory that no known allocator has grows by ", Part(A::kElsewhere),
        ": mappings, stacks of threads, or an allocator of the program's own.");
    if (Fit(A::kHeld).last > Fit(A::kRss).last) {
      Say("The allocators have ", MbText(Fit(A::kHeld).last),
          " mapped, more than RSS: pages of it that are touched for the first time look the same, "
          "and can add ",
          MbText(Fit(A::kHeld).last - Fit(A::kRss).last), " more.");
    }
  }

  void SayViews() {
    if (all_.cause != A::kLive) return;
    if (!Known(A::kHidden)) {
      Say("Views were not tracked: whether small views keep big blocks is not known.");
    } else if (all_.of(A::kRoots).grows) {
      Say("Blocks that views keep grow by ", Part(A::kRoots), "; what the views show of them by ",
          MbText(Fit(A::kVisible).slope), ".");
    } else {
      Say("Views do not keep it: what they keep grows by ", SignedMbText(Fit(A::kRoots).slope),
          " per event.");
    }
  }

  void SayReleased() {
    if (all_.cause != A::kKept && all_.cause != A::kElsewhere) return;
    if (!all_.released) {
      if (all_.cause == A::kKept) {
        Say("Whether ReleaseUnused gives it back was not tried: it may be a cache.");
      }
      return;
    }
    const LineFit& fit = Fit(all_.cause);
    Say("ReleaseUnused took RSS down by ", MbText(all_.released->rss_mb), " and held by ",
        MbText(all_.released->held_mb), ", of ",
        MbText(fit.slope * static_cast<double>(all_.released->stamp - all_.warm_up)),
        " that it had grown by until then.");
  }

  // All other accounts that grow, the fastest first.
  void SayOthers() {
    std::vector<A> others;
    for (const A account : {A::kLive, A::kOwnMalloc, A::kKept, A::kElsewhere}) {
      const AccountGrowth& growth = all_.of(account);
      const bool told =
          account == all_.judged || (account == all_.cause && all_.verdict != Verdict::kBelowLimit);
      if (!told && (growth.grows || growth.grows_below_limit)) others.push_back(account);
    }
    std::sort(others.begin(), others.end(),
              [this](A a, A b) { return Fit(a).slope > Fit(b).slope; });
    for (const A account : others) {
      const bool is_part =
          all_.verdict == Verdict::kBelowLimit && Fit(account).slope <= Fit(all_.judged).slope;
      Say(is_part ? "Of it, \"" : "Besides, \"", Name(account), "\" grows by ", Part(account), ": ",
          MbText(all_.of(account).total_mb()), " in all.");
    }
  }

  A Whole() const { return Known(A::kRss) ? A::kRss : A::kVm; }

  const std::span<const MemoryStamp> stamps_;
  const GrowthVerdict& all_;
  std::vector<std::string> sentences_;
};

// Command lines of an advice, as a shell accepts them.
class Commands {
 public:
  Commands(const GrowthVerdict& verdict, const std::string& command)
      : all_(verdict), command_(command.empty() ? "COMMAND" : command) {}

  // Two heap files, and a comparison of them.
  std::string CompareHeaps(const char* tracking) const {
    const bool malloc_too = Grows(Account::kOwnMalloc);
    const std::string stamps =
        StrCat("ALKAID_HEAP_AT_STAMPS=", First(), ",", Second(), " ALKAID_HEAP_FILE=heap.%n ");
    const std::string run =
        !malloc_too
            ? StrCat("ALKAID_TRACK_ALLOCATIONS=", tracking, " ", stamps, command_)
            : StrCat(stamps, "alkaid run --track ",
                     std::string_view(tracking) == "views" ? "--views " : "", "-- ", command_);
    return Line(run) + Line("alkaid heap diff --by traceback --top 5 heap.1 heap.2");
  }
  std::string Retention() const {
    return Line(StrCat("ALKAID_TRACK_ALLOCATIONS=views ALKAID_HEAP_AT_STAMPS=", Second(),
                       " ALKAID_HEAP_FILE=heap.%n ", command_)) +
           Line("alkaid heap retention heap.1");
  }
  std::string ProfileAgain(const std::string& with) const {
    return Line(StrCat(with, "ALKAID_LEAK_PROFILE=again.npy ", command_)) +
           Line("alkaid profile report again.npy");
  }
  std::string ReleaseAtTheEnd() const {
    return ProfileAgain(StrCat("ALKAID_PROFILE_RELEASE_AT=", all_.stamps, " "));
  }

 private:
  static std::string Line(const std::string& command) { return "\n    " + command; }
  bool Grows(Account account) const {
    return all_.of(account).grows || all_.of(account).grows_below_limit;
  }
  size_t First() const {
    const AccountGrowth& judged = all_.of(all_.judged);
    const bool faster = judged.lately.slope > kFaster * judged.fit.slope;
    return faster ? all_.stamps - judged.lately.points + 1 : all_.warm_up + 1;
  }
  // Does not make a service wait until as many events have passed as the profile has.
  size_t Second() const {
    constexpr double kEnoughMb = 50;
    const double slope = all_.of(all_.judged).fit.slope;
    const double enough = std::max<double>(std::ceil(kEnoughMb / slope), kMinStamps);
    const size_t most = all_.stamps - First();
    return First() + (enough < static_cast<double>(most) ? static_cast<size_t>(enough) : most);
  }

  const GrowthVerdict& all_;
  const std::string command_;
};

std::string WhoAllocates(const GrowthVerdict& verdict, const Commands& commands) {
  if (verdict.cause == Account::kLive || verdict.cause == Account::kOwnMalloc) {
    return StrCat("two heap files, some events apart, name who allocated what stays:",
                  commands.CompareHeaps("1"));
  }
  return "";
}

}  // namespace

std::vector<std::string> EvidenceOf(std::span<const MemoryStamp> stamps,
                                    const GrowthVerdict& verdict) {
  return Evidence(stamps, verdict).Take();
}

std::string AdviceOf(const GrowthVerdict& verdict, const std::string& command) {
  const Commands commands(verdict, command);
  switch (verdict.verdict) {
    case Verdict::kTooFewStamps:
      return "stamp more events, or discard fewer.";
    case Verdict::kNone:
      return "";
    case Verdict::kBelowLimit: {
      const std::string who = WhoAllocates(verdict, commands);
      return StrCat("nothing, if so much is allowed.",
                    who.empty() ? "" : StrCat(" Otherwise ", who));
    }
    case Verdict::kLeak:
      if (verdict.of(Account::kHidden).known()) return WhoAllocates(verdict, commands);
      return StrCat(
          "two heap files, some events apart, name who allocated what stays; the last line says "
          "whether small views keep big blocks:",
          commands.CompareHeaps("views"), "\n    alkaid heap retention heap.2");
    case Verdict::kRetention:
      return StrCat(
          "a heap file names the blocks, worst first, and who made the views. Drop those, "
          "or copy what they show with Buffer::CompactIfBelow:",
          commands.Retention());
    case Verdict::kFragmentation: {
      const std::string live =
          verdict.of(Account::kLive).grows
              ? StrCat(
                    "\n  What the pools have handed out grows too: two heap files name who "
                    "allocated it:",
                    commands.CompareHeaps("1"))
              : "";
      if (!verdict.released) {
        return StrCat("try at the last stamp whether it can be given back, and is a cache:",
                      commands.ReleaseAtTheEnd(), live);
      }
      return StrCat(
          "say sizes ahead (BufferBuilder::SetReservation), so that blocks do not grow through all "
          "sizes; or try another allocator:",
          commands.ProfileAgain("ALKAID_DEFAULT_MEMORY_POOL=jemalloc "), live);
    }
    case Verdict::kAllocatorCache:
      return "nothing leaks. If the memory is needed elsewhere, call ReleaseUnused.";
    case Verdict::kOutside:
      if (verdict.cause == Account::kOwnMalloc) {
        return StrCat(WhoAllocates(verdict, commands),
                      "\n  Blocks labelled malloc there do not come from pools.");
      }
      return "compare two copies of /proc/PID/smaps, some events apart: the mapping that grows has "
             "a name.";
    case Verdict::kLevelsOff:
      return "nothing, if it stays so: a longer run, with a longer warm-up, confirms it.";
    case Verdict::kUnexplained:
      return StrCat("stamps of this library record whose memory it is:", commands.ProfileAgain(""));
  }
  return "";
}

}  // namespace alkaid::growth
