// alkaid profile gate: fails where a command leaks, after a check that it would see a leak.

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alkaid/base/environment.h"
#include "alkaid/growth/leak_gate.h"
#include "alkaid/growth/leak_profile_file.h"
#include "alkaid/growth/memory_text.h"
#include "alkaid/growth/planted_leak.h"
#include "tools/commands.h"
#include "tools/growth/coloured_report.h"
#include "tools/growth/gated_run.h"
#include "tools/support/child_process.h"
#include "tools/support/exit_code.h"
#include "tools/support/option_limits.h"
#include "tools/support/temporary_folder.h"
#include "tools/support/terminal.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

using growth::Account;
using growth::GatedAccount;
using growth::LeakGateResult;

struct GateOptions {
  growth::LeakGateOptions gate;
  double confidence = 100 * growth::kDefaultConfidence;
  std::optional<double> max_mb;
  std::optional<double> max_total_mb;
  double plant_mb = 1;
  std::string plant_by;
  double within = 10;
  int runs = 1;
  std::string keep;
  std::vector<std::string> accounts = {"rss", "live"};
  std::vector<std::string> command;
};

const std::map<std::string, Account> kGated = {
    {"rss", Account::kRss}, {"vm", Account::kVm}, {"live", Account::kLive}};

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

std::string TextOf(const Status& status) {
  return std::string(status.message().data(), status.message().size());
}

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

std::string Lines(const LeakGateResult& result) {
  std::string text;
  for (const GatedAccount& gated : result.accounts) {
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
    if (!alarms.ok()) return Fail({kExitNotTold, TextOf(alarms)});
    Say("the control: %s, with %s planted per event", options_.command.front().c_str(),
        growth::MbText(options_.plant_mb).c_str());
    if (const auto failure = RunOnce("control", options_.plant_mb, &control_)) {
      return Fail(*failure);
    }
    const Status found = Found(nullptr);
    return found.ok() ? kExitOk : Fail({kExitNotTold, TextOf(found)});
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
    int alarms = 0;
    int blind = 0;
    int growing = 0;  // accounts that grow by an allowed amount
    bool all_judged = true;
    for (int run = 1; run <= options_.runs; ++run) {
      Say("run %d of %d: without a planted leak", run, options_.runs);
      GatedRun clean;
      if (const auto failure = RunOnce("run-" + std::to_string(run), 0, &clean)) {
        return Fail(*failure);
      }
      const GatedProcess* const alarm = clean.Alarm();
      const LeakGateResult& first = clean.judged.front().result;
      const Status found = Found(&first);
      if (!found.ok() && alarm == nullptr) return Fail({kExitNotTold, TextOf(found)});
      if (run == 1 && found.ok()) SayFound(first);
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
        all_judged = false;
        Say("not judged: %s", why.c_str());
      }
      if (alarm == nullptr) {
        blind += SayBlind(clean) ? 1 : 0;
        growing += SayBelowLimit(clean) ? 1 : 0;
        continue;
      }
      ++alarms;
      std::fputs(
          ColouredReport(shown.stamps, shown.result.verdict, shown.run, STDERR_FILENO).c_str(),
          stderr);
      if (!found.ok()) {
        Say("%s", TextOf(found).c_str());
        Say("%s: memory grows, and not as it did in the control", Failed().c_str());
        return kExitGrows;
      }
    }
    if (options_.runs > 1) Say("%d of %d runs alarm", alarms, options_.runs);
    if (2 * alarms > options_.runs) {
      Say("%s: memory grows", Failed().c_str());
      return kExitGrows;
    }
    if (all_judged && 2 * (alarms + blind) <= options_.runs) {
      // Allowed growth is no failure, and is not reported as if nothing grew.
      const bool none = growing == 0;
      const char* const end = none          ? "passed"
                              : unsure_ > 0 ? "grows, perhaps by more than you allow"
                                            : "grows, below what you allow";
      const Emphasis emphasis = none ? Emphasis::kGood : Emphasis::kWarning;
      Say("%s", Emphasized(end, emphasis, STDERR_FILENO).c_str());
      return kExitOk;
    }
    if (options_.runs > 1 && blind > 0) Say("%d of %d runs are too noisy", blind, options_.runs);
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
      return Failure{missing ? kExitNotFound : kExitCanNotRun, TextOf(end.status())};
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
    if (!judged.ok()) return Failure{kExitFailure, TextOf(judged.status())};
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
      if (!written.ok()) return Failure{kExitFailure, TextOf(written)};
    }
    return std::nullopt;
  }

  const GateOptions& options_;
  ChildProcesses children_;  // must outlive the folder
  std::unique_ptr<TemporaryFolder> folder_;
  GatedRun control_;
  int unsure_ = 0;  // accounts that grow by more than is allowed, but not for certain
};

// The plant of the fewest events that can be judged must fit into memory.
Status CheckPlant(const GateOptions& options) {
  const double least = options.plant_mb * static_cast<double>(growth::kFewestStamps);
  const double most = static_cast<double>(growth::MostToPlant()) / growth::kBytesPerMb;
  if (least <= most) return absl::OkStatus();
  return status::Invalid("gate: --plant ", options.plant_mb, ": ", growth::kFewestStamps,
                         " events, the fewest that can be judged, take ", growth::MbText(least),
                         "; at most ", growth::MbText(most),
                         " can be planted, half of the memory that is available");
}

int Run(GateOptions* options) {
  options->gate.confidence = options->confidence / 100;
  // A limit that is stated per event also holds for long runs.
  constexpr double kDefaultTotalMb = 100;
  options->gate.max_total_mb = options->max_total_mb.value_or(
      options->max_mb ? std::numeric_limits<double>::infinity() : kDefaultTotalMb);
  options->gate.max_mb = options->max_mb.value_or(options->gate.max_mb);
  std::vector<Account>& accounts = options->gate.accounts;
  accounts.clear();
  for (const std::string& name : options->accounts) {
    const Account account = kGated.at(name);
    if (std::find(accounts.begin(), accounts.end(), account) == accounts.end()) {
      accounts.push_back(account);
    }
  }
  const Status plant = CheckPlant(*options);
  if (!plant.ok()) return ReportStatus(plant);
  std::error_code error;
  if (!options->keep.empty()) {
    std::filesystem::create_directories(options->keep, error);
    if (error) {
      return ReportStatus(status::Invalid("gate: --keep ", options->keep, ": ", error.message()));
    }
  }
  std::fflush(stdout);
  return Gate(*options).Run();
}

}  // namespace

void AddProfileGateCommand(CLI::App& profile, int* exit_code) {
  CLI::App* const gate =
      profile.add_subcommand("gate", "Fail if a command's memory grows from event to event.");
  auto options = std::make_shared<GateOptions>();
  gate->add_option("--max-mb", options->max_mb, "What may be added per event; by default 0.1")
      ->check(Between(0.0, 1e6))
      ->type_name("MB");
  gate->add_option("--max-total", options->max_total_mb,
                   "What may be added in all, however slowly; by default 100, or any amount if "
                   "--max-mb is given")
      ->check(Between(0.0, 1e9))
      ->type_name("MB");
  gate->add_option("--warm-up", options->gate.warm_up,
                   "Leading stamps to ignore; by default a tenth of all")
      ->check(Between(int64_t{0}, int64_t{1'000'000'000}))
      ->type_name("COUNT");
  gate->add_option("--plant", options->plant_mb,
                   "Planted per event in the control, up to half of the memory that is available")
      ->check(Between(0.001, 1e6))
      ->capture_default_str()
      ->type_name("MB");
  gate->add_option("--plant-by", options->plant_by, "pool (the default) or malloc")
      ->check(OneOf({"pool", "malloc"}));
  gate->add_option("--within", options->within,
                   "How exactly the planted slope has to be found, in addition to the uncertainty "
                   "of the intervals")
      ->check(Between(0.1, 50.0))
      ->capture_default_str()
      ->type_name("PERCENT");
  gate->add_option("--runs", options->runs,
                   "Runs without a planted leak; the gate fails if most of them alarm")
      ->check(Between(1, 1'000'000))
      ->capture_default_str()
      ->type_name("COUNT");
  gate->add_option("--account", options->accounts,
                   "Accounts to judge, commas between; one that alarms is enough")
      ->check(OneOf({"rss", "live", "vm"}))
      ->delimiter(',')
      ->allow_extra_args(false)  // otherwise it would take the -- of the command
      ->type_name("")
      ->default_str("rss,live");
  gate->add_option("--confidence", options->confidence, "Confidence of the intervals")
      ->check(Between(50.0, 99.99))
      ->capture_default_str()
      ->type_name("PERCENT");
  gate->add_option("--keep", options->keep, "Keep control.npy, run-1.npy, ... in this folder")
      ->type_name("FOLDER");
  gate->add_option("COMMAND", options->command, "The command and its arguments, after a --")
      ->required();
  gate->footer(
      "COMMAND runs once with a planted leak, which has to alarm with the slope that was\n"
      "planted, then without. It alarms if the lower bound of a slope, and the slope of the\n"
      "later half, pass --max-mb, or if what came in all passes --max-total. Its output is\n"
      "passed through; the gate speaks on stderr, and gives it an empty stdin. It has to stamp\n"
      "its events, as `alkaid dgram read` does\n"
      "(alkaid::growth::StampEvent), and to exit with 0. Signals are passed on to it, and what\n"
      "it leaves running is ended.");
  SetDetails(gate, {.prints = "what COMMAND prints; the gate itself speaks on stderr",
                    .examples = {{"alkaid profile gate --max-mb 0.05 -- ./app --events 1000",
                                  "Fails if more than 0.05 MB are added per event."}},
                    .exit_codes = {{"0", "it does not grow, or by no more than it may"},
                                   {"1", "wrong usage"},
                                   {"3", "it grows by more than it may"},
                                   {"4",
                                    "undecided: the planted leak was not found, could "
                                    "hide, or a process cannot be judged"},
                                   {"5", "the command failed or was killed"},
                                   {"126", "the command cannot be run"},
                                   {"127", "it is not found"},
                                   {"128+N", "a signal with number N"}}});
  gate->callback([options, exit_code] { *exit_code = Run(options.get()); });
}

}  // namespace alkaid::tools
