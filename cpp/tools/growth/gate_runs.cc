#include "tools/growth/gate_runs.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alkaid/base/environment.h"
#include "alkaid/growth/leak_profile_file.h"
#include "alkaid/growth/memory_text.h"
#include "tools/growth/coloured_report.h"
#include "tools/growth/gated_run.h"
#include "tools/support/child_process.h"
#include "tools/support/exit_code.h"
#include "tools/support/temporary_folder.h"
#include "tools/support/terminal.h"

namespace alkaid::tools {
namespace {

using growth::Account;
using growth::GatedAccount;
using growth::LeakGateResult;

// Prints on stderr, since stdout is the command's.
[[gnu::format(printf, 1, 2)]] void Say(const char* format, ...) {
  va_list values;
  va_start(values, format);
  std::fputs("alkaid: gate: ", stderr);
  std::vfprintf(stderr, format, values);
  std::fputs("\n", stderr);
  va_end(values);
}

std::string Failed() { return Emphasized("FAILED", Emphasis::kBad, STDERR_FILENO); }

// A failure and its exit code.
struct Failure {
  int exit_code = kExitFailure;
  std::string message;
};

// A figure that is too small for a fixed number of digits must not be printed as 0.
std::string AllowedText(double mb) {
  if (mb == 0 || mb >= 1e-4) return growth::MbText(mb);
  char text[32];
  std::snprintf(text, sizeof(text), "%g MB", mb);
  return text;
}

// Escapes percent signs, which have a meaning in a pattern.
std::string Escaped(const std::string& path) {
  std::string pattern;
  for (const char c : path) pattern.append(c == '%' ? 2 : 1, c);
  return pattern;
}

std::string Line(const GatedAccount& gated) {
  return std::string(growth::AccountName(gated.account)) + " " +
         growth::SignedMbText(gated.fit.slope) + " per event (between " +
         growth::SignedMbNumber(gated.fit.low) + " and " + growth::SignedMbNumber(gated.fit.high) +
         "), " + growth::SignedMbText(gated.total_mb()) + " in all";
}

std::string AllowedLine(const growth::LeakGateOptions& options) {
  std::string text = AllowedText(options.max_mb) + " per event";
  if (std::isfinite(options.max_total_mb)) {
    text += " and " + AllowedText(options.max_total_mb) + " in all";
  }
  return text;
}

// All accounts, but other malloc only where it grows or is the only one.
std::string Lines(const LeakGateResult& result) {
  std::string text;
  for (const GatedAccount& gated : result.accounts) {
    if (gated.account == Account::kOwnMalloc && !gated.alarms && !gated.grows_below_limit &&
        result.accounts.size() > 1) {
      continue;
    }
    text += (text.empty() ? "" : "; ") + Line(gated);
  }
  return text;
}

class Gate {
 public:
  explicit Gate(const GateOptions& options) : options_(options) {}

  int Run() {
    Result<std::unique_ptr<TemporaryFolder>> folder = TemporaryFolder::Make("gate");
    if (!folder.ok()) return ReportStatus(folder.status());
    folder_ = *std::move(folder);
    const int code = Control();
    if (code != kExitOk || children_.Interruption() != 0) return Ended(code);
    return Ended(CleanRuns());
  }

 private:
  // A signal takes precedence over what it caused.
  int Ended(int exit_code) {
    const int signal = children_.Interruption();
    return signal != 0 ? kExitSignal + signal : exit_code;
  }

  int Fail(const Failure& failure) {
    if (children_.Interruption() == 0) Say("%s", failure.message.c_str());
    return failure.exit_code;
  }

  int Control() {
    const Status alarms = growth::CheckPlantedAlarms(options_.plant_mb, options_.gate.max_mb);
    if (!alarms.ok()) return Fail({kExitNotTold, internal::MessageOf(alarms)});
    Say("the control: %s, with %s planted per event", options_.command.front().c_str(),
        growth::MbText(options_.plant_mb).c_str());
    if (const auto failure = RunOnce("control", options_.plant_mb, &control_)) {
      return Fail(*failure);
    }
    const Status found = Found(nullptr);
    return found.ok() ? kExitOk : Fail({kExitNotTold, internal::MessageOf(found)});
  }

  // Whether the planted leak was found.
  Status Found(const LeakGateResult* clean) const {
    return growth::CheckLeakGateControl(control_.judged.front().result, clean, options_.plant_mb,
                                        options_.within / 100);
  }

  void SayFound(const LeakGateResult& clean) const {
    const GatedAccount& planted = control_.judged.front().result.accounts.front();
    for (const GatedAccount& gated : clean.accounts) {
      if (gated.account != planted.account) continue;
      Say("of %s planted per event, %s were found in %s", growth::MbText(options_.plant_mb).c_str(),
          growth::MbText(planted.fit.slope - gated.fit.slope).c_str(),
          std::string(growth::AccountName(gated.account)).c_str());
    }
  }

  int CleanRuns() {
    for (int run = 1; run <= options_.runs; ++run) {
      Say("run %d of %d: without a planted leak", run, options_.runs);
      GatedRun clean;
      if (const auto failure = RunOnce("run-" + std::to_string(run), 0, &clean)) {
        return Fail(*failure);
      }
      const Status found = Found(&clean.judged.front().result);
      const GatedProcess* const alarm = clean.Alarm();
      if (!found.ok() && alarm == nullptr) return Fail({kExitNotTold, internal::MessageOf(found)});
      if (run == 1 && found.ok()) SayFound(clean.judged.front().result);
      SayJudged(clean);
      if (alarm == nullptr) {
        blind_ += SayBlind(clean) ? 1 : 0;
        growing_ += SayBelowLimit(clean) ? 1 : 0;
        continue;
      }
      ++alarms_;
      std::fputs(
          ColouredReport(alarm->stamps, alarm->result.verdict, alarm->run, STDERR_FILENO).c_str(),
          stderr);
      if (!found.ok()) {
        Say("%s", internal::MessageOf(found).c_str());
        Say("%s: memory grows, and not as it did in the control", Failed().c_str());
        return kExitGrows;
      }
    }
    return Decide();
  }

  // Prints what each process of a run without a planted leak did.
  void SayJudged(const GatedRun& clean) {
    const GatedProcess* const alarm = clean.Alarm();
    const GatedProcess& shown = alarm != nullptr ? *alarm : clean.judged.front();
    Say("%s: %s; allowed: %s", alarm != nullptr ? "ALARM" : "does not alarm",
        Lines(shown.result).c_str(), AllowedLine(options_.gate).c_str());
    for (const GatedProcess& one : clean.judged) {
      if (&one != &shown && one.result.Alarm() != nullptr) {
        Say("ALARM: %s too: %s", NameOf(one).c_str(), Lines(one.result).c_str());
      }
      if (one.run.end == growth::LeakProfileRun::End::kWithoutWord) {
        Say("%s ended without a last word; judged by the %zu stamps that it took",
            NameOf(one).c_str(), one.stamps.size());
      }
    }
    for (const std::string& why : clean.not_judged) {
      all_judged_ = false;
      Say("not judged: %s", why.c_str());
    }
  }

  // Decides by all runs without a planted leak.
  int Decide() {
    if (options_.runs > 1) Say("%d of %d runs alarm", alarms_, options_.runs);
    if (2 * alarms_ > options_.runs) {
      Say("%s: memory grows", Failed().c_str());
      return kExitGrows;
    }
    if (all_judged_ && 2 * (alarms_ + blind_) <= options_.runs) {
      // Allowed growth is no failure, and is not reported as if nothing grew.
      const bool none = growing_ == 0;
      const char* const end = none          ? "passed"
                              : unsure_ > 0 ? "grows, perhaps by more than you allow"
                                            : "grows, below what you allow";
      const Emphasis emphasis = none ? Emphasis::kGood : Emphasis::kWarning;
      Say("%s", Emphasized(end, emphasis, STDERR_FILENO).c_str());
      return kExitOk;
    }
    if (options_.runs > 1 && blind_ > 0) Say("%d of %d runs are too noisy", blind_, options_.runs);
    Say("undecided");
    return kExitNotTold;
  }

  // Prints by how much each account grows that grows by an allowed amount; false where none does.
  bool SayBelowLimit(const GatedRun& run) {
    bool said = false;
    for (const GatedProcess& one : run.judged) {
      for (const GatedAccount& gated : one.result.accounts) {
        if (!gated.grows_below_limit) continue;
        said = true;
        unsure_ += gated.fit.slope > options_.gate.max_mb ? 1 : 0;
        Say("grows: %s, of %s; allowed: %s", Line(gated).c_str(), NameOf(one).c_str(),
            AllowedLine(options_.gate).c_str());
      }
    }
    return said;
  }

  static std::string NameOf(const GatedProcess& one) {
    const std::string process = "process " + std::to_string(one.run.process);
    return one.run.command.empty() ? process : one.run.command + ", " + process;
  }

  // Prints in which process another leak of the planted size could hide; returns whether there is
  // one.
  bool SayBlind(const GatedRun& run) const {
    for (const GatedProcess& one : run.judged) {
      const GatedAccount* const blind = one.result.Blind(options_.plant_mb);
      if (blind == nullptr) continue;
      Say("too noisy: in %s a leak of up to %s per event could hide, more than was planted; take "
          "more events, raise the warm-up, or plant more",
          Line(*blind).c_str(), growth::MbText(blind->fit.high).c_str());
      return true;
    }
    return false;
  }

  // Runs the command and judges each of its processes with enough stamps.
  std::optional<Failure> RunOnce(const std::string& name, double plant_mb, GatedRun* run) {
    const std::string folder = folder_->path() + "/" + name;
    std::error_code error;
    std::filesystem::create_directory(folder, error);
    if (error) return Failure{kExitFailure, folder + ": " + error.message()};
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing < 0) return Failure{kExitFailure, std::string("/dev/null: ") + strerror(errno)};
    std::map<std::string, std::optional<std::string>> environment = {
        {alkaid::internal::kLeakProfileVariable, Escaped(folder) + "/%p.npy"},
        {alkaid::internal::kProfileLeakMbVariable, std::nullopt}};
    if (plant_mb > 0) {
      environment[alkaid::internal::kProfileLeakMbVariable] = std::to_string(plant_mb);
    }
    if (!options_.plant_by.empty()) {
      environment[alkaid::internal::kProfileLeakByVariable] = options_.plant_by;
    }
    const Result<ChildEnd> end = children_.Run(options_.command, environment, nothing);
    ::close(nothing);
    if (!end.ok()) {
      const bool missing = end.status().code() == StatusCode::kNotFound;
      return Failure{missing ? kExitNotFound : kExitCanNotRun, internal::MessageOf(end.status())};
    }
    if (auto failure = CheckEnd(*end)) return failure;
    if (end->left_processes && children_.Interruption() == 0) {
      Say("processes that %s left behind were ended", options_.command.front().c_str());
    }
    if (auto failure = JudgeFolder(folder, run)) return failure;
    return Keep(run->judged, name);
  }

  std::optional<Failure> CheckEnd(const ChildEnd& end) const {
    const std::string& name = options_.command.front();
    if (end.signal != 0) {
      return Failure{kExitCommandFailed, name + " was ended by signal " +
                                             std::to_string(end.signal) + " (" +
                                             ::strsignal(end.signal) + ")"};
    }
    if (end.exit_code == 0) return std::nullopt;
    return Failure{kExitCommandFailed,
                   name + " failed with exit code " + std::to_string(end.exit_code)};
  }

  std::optional<Failure> JudgeFolder(const std::string& folder, GatedRun* run) const {
    Result<GatedRun> judged = JudgeRun(folder, options_.gate);
    if (!judged.ok()) return Failure{kExitFailure, internal::MessageOf(judged.status())};
    *run = *std::move(judged);
    if (!run->judged.empty()) return std::nullopt;
    if (!run->not_judged.empty()) return Failure{kExitNotTold, run->not_judged.front()};
    return Failure{kExitNotTold, options_.command.front() +
                                     " left no leak profile: it has to call "
                                     "alkaid::growth::StampEvent() once per event"};
  }

  // Keeps copies of the profiles if requested.
  std::optional<Failure> Keep(const std::vector<GatedProcess>& judged,
                              const std::string& name) const {
    for (size_t i = 0; !options_.keep.empty() && i < judged.size(); ++i) {
      const std::string file =
          options_.keep + "/" + name + (i == 0 ? "" : "." + std::to_string(i)) + ".npy";
      const Status written = growth::WriteLeakProfile(judged[i].stamps, file, judged[i].run);
      if (!written.ok()) return Failure{kExitFailure, internal::MessageOf(written)};
    }
    return std::nullopt;
  }

  const GateOptions& options_;
  ChildProcesses children_;  // must outlive the folder
  std::unique_ptr<TemporaryFolder> folder_;
  GatedRun control_;
  // Of the runs without a planted leak.
  int alarms_ = 0;
  int blind_ = 0;
  bool all_judged_ = true;  // each process that stamped
  int growing_ = 0;         // runs in which an account grows by an allowed amount
  int unsure_ = 0;          // accounts that grow by more than is allowed, but not for certain
};

}  // namespace

int RunGate(const GateOptions& options) { return Gate(options).Run(); }

}  // namespace alkaid::tools
