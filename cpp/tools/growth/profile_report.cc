// alkaid profile report: prints the report of a leak profile.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "alkaid/growth/growth_verdict.h"
#include "alkaid/growth/leak_profile_file.h"
#include "alkaid/growth/leak_profile_run.h"
#include "tools/commands.h"
#include "tools/growth/coloured_report.h"
#include "tools/growth/growth_json.h"
#include "tools/growth/leak_plot.h"
#include "tools/support/exit_code.h"
#include "tools/support/option_limits.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

struct ReportOptions {
  std::string file;
  std::optional<std::string> plot;
  bool json = false;
  std::optional<size_t> warm_up;
  std::optional<double> least_mb;
  double confidence = 100 * growth::kDefaultConfidence;
};

int Run(const ReportOptions& options) {
  if (options.plot) {
    const Status named = CheckPlotName(*options.plot);
    if (!named.ok()) return ReportStatus(named);
  }
  const auto stamps = growth::ReadLeakProfile(options.file);
  if (!stamps.ok()) return ReportStatus(stamps.status());
  const auto run = growth::ReadLeakProfileRun(options.file);
  if (!run.ok()) return ReportStatus(run.status());
  growth::GrowthOptions judging = {.warm_up = options.warm_up,
                                   .confidence = options.confidence / 100};
  if (options.least_mb) {  // a stated limit holds for long runs too
    judging.least_mb = *options.least_mb;
    judging.much_mb = std::numeric_limits<double>::infinity();
  }
  const growth::GrowthVerdict verdict = growth::JudgeGrowth(*stamps, judging);
  if (options.json) {
    const auto json = GrowthJson(options.file, *stamps, verdict, *run);
    std::printf("%s\n", json.dump(1, ' ', /*ensure_ascii=*/true,
                                  nlohmann::ordered_json::error_handler_t::replace)
                            .c_str());
  } else {
    std::printf("%s", ColouredReport(*stamps, verdict, *run, STDOUT_FILENO).c_str());
  }
  if (!options.plot) return kExitOk;
  return ReportStatus(DrawLeakProfile(options.file, *stamps, verdict, *options.plot));
}

}  // namespace

void AddProfileReportCommand(CLI::App& profile, int* exit_code) {
  CLI::App* const report = profile.add_subcommand(
      "report", "Say whether memory grew from stamp to stamp, how sure that is, and whose it is.");
  auto options = std::make_shared<ReportOptions>();
  report
      ->add_option("FILE", options->file,
                   "A leak profile: NumPy's .npy, time [s] and VM [MB] first")
      ->required();
  report
      ->add_option("--plot", options->plot,
                   "Draw points, lines and their intervals into a .png or .svg")
      ->type_name("FILE");
  report->add_flag("--json", options->json, "Print the report as JSON");
  report
      ->add_option("--warm-up", options->warm_up,
                   "Leading stamps to ignore; by default a tenth of all")
      ->check(Between(int64_t{0}, int64_t{1'000'000'000}))
      ->type_name("COUNT");
  report
      ->add_option("--least-mb", options->least_mb,
                   "Slower growth, per event, is called none; by default 0.01, unless it came to "
                   "10 MB in all")
      ->check(Between(0.0, 1e6))
      ->type_name("MB");
  report->add_option("--confidence", options->confidence, "Confidence of the intervals")
      ->check(Between(50.0, 99.99))
      ->capture_default_str()
      ->type_name("PERCENT");
  report->footer(
      "Verdicts: leak (what the pools handed out grows), retention by views, fragmentation,\n"
      "allocator cache, growth outside the pools, growth that levels off, growth of unknown\n"
      "cause (the file does not say whose), growth below the limit (that of --least-mb), none,\n"
      "too few stamps. A plot needs Debian's\n"
      "python3-matplotlib. `alkaid profile gate` fails if memory grows.");
  SetDetails(report,
             {.reads = "a leak profile, which a program writes if ALKAID_LEAK_PROFILE names a file",
              .prints = "the verdict and what it rests on; or JSON",
              .examples = {{"alkaid profile report profile.npy", ""}},
              .exit_codes = {{"0", "any verdict"},
                             {"1", "wrong usage, or a file that cannot be read or drawn"},
                             {"2", "a file that is malformed"}}});
  report->callback([options, exit_code] { *exit_code = Run(*options); });
}

}  // namespace alkaid::tools
