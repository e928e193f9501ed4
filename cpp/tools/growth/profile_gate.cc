// alkaid profile gate: fails where a command leaks, after a check that it would see a leak.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/growth/growth_verdict.h"
#include "alkaid/growth/memory_text.h"
#include "alkaid/growth/planted_leak.h"
#include "tools/commands.h"
#include "tools/growth/gate_runs.h"
#include "tools/support/exit_code.h"
#include "tools/support/option_limits.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

using growth::Account;

const std::map<std::string, Account> kGated = {{"rss", Account::kRss},
                                               {"live", Account::kLive},
                                               {"malloc", Account::kOwnMalloc},
                                               {"vm", Account::kVm}};

// The plant of the fewest events that can be judged must fit into memory.
Status CheckPlant(const GateOptions& options) {
  const double least = options.plant_mb * static_cast<double>(growth::kMinStamps);
  const double most = static_cast<double>(growth::MostToPlant()) / growth::kBytesPerMb;
  if (least <= most) return absl::OkStatus();
  return status::Invalid("gate: --plant ", options.plant_mb, ": ", growth::kMinStamps,
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
  return RunGate(*options);
}

void AddLimits(CLI::App* gate, GateOptions* options) {
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
}

void AddControl(CLI::App* gate, GateOptions* options) {
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
}

void SetGateDetails(CLI::App* gate) {
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
}

}  // namespace

void AddProfileGateCommand(CLI::App& profile, int* exit_code) {
  CLI::App* const gate =
      profile.add_subcommand("gate", "Fail if a command's memory grows from event to event.");
  auto options = std::make_shared<GateOptions>();
  AddLimits(gate, options.get());
  AddControl(gate, options.get());
  gate->add_option("--account", options->accounts,
                   "Accounts to judge, commas between; one that alarms is enough")
      ->check(OneOf({"rss", "live", "malloc", "vm"}))
      ->delimiter(',')
      ->allow_extra_args(false)  // otherwise it would take the -- of the command
      ->type_name("")
      ->default_str("rss,live,malloc");
  gate->add_option("--confidence", options->confidence, "Confidence of the intervals")
      ->check(Between(50.0, 99.99))
      ->capture_default_str()
      ->type_name("PERCENT");
  gate->add_option("--keep", options->keep, "Keep control.npy, run-1.npy, ... in this folder")
      ->type_name("FOLDER");
  gate->add_option("COMMAND", options->command, "The command and its arguments, after a --")
      ->required();
  SetGateDetails(gate);
  gate->callback([options, exit_code] { *exit_code = Run(options.get()); });
}

}  // namespace alkaid::tools
