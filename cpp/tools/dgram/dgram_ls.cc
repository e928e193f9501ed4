// alkaid dgram ls: one line for each datagram of a file.

#include <cinttypes>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/xtc_walk.h"
#include "tools/commands.h"
#include "tools/dgram/dgram_json.h"
#include "tools/dgram/dgram_source.h"
#include "tools/dgram/live_flag.h"
#include "tools/support/exit_code.h"
#include "tools/support/interruption.h"
#include "tools/support/json_report.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

using Json = nlohmann::ordered_json;

struct LsOptions {
  DgramSource source;
  LiveFlag live;
  bool json = false;
};

void PrintLine(const dgram::Dgram& dgram) {
  const dgram::DgramHeader header = dgram.header();
  const std::string damage = header.root.damage.ToString();
  std::printf("%8" PRId64 " %12" PRId64 " %10" PRId64 "  %-12s %10u.%09u  0x%08x%s%s\n",
              dgram.index(), dgram.offset(), dgram.size(), dgram::TransitionName(header.service()),
              header.timestamp.seconds(), header.timestamp.nanoseconds(), header.env,
              damage.empty() ? "" : "  ", damage.c_str());
}

// The line is printed even if the datagram's content is malformed. Without a Configuration only the
// extents can be checked.
Status Check(const dgram::Dgram& dgram) {
  return dgram.configuration() == nullptr ? dgram::CheckExtents(dgram) : dgram::CheckDgram(dgram);
}

Status ForEach(LsOptions& options, const std::function<Status(const dgram::Dgram&)>& visit) {
  ALKAID_ASSIGN_OR_RAISE(options.source.live, options.live.Watch());
  return options.source.ForEach(visit, /*require_configuration=*/false);
}

Status List(LsOptions& options) {
  if (!options.json) {
    return ForEach(options, [](const dgram::Dgram& dgram) {
      PrintLine(dgram);
      return Check(dgram);
    });
  }
  JsonReport report({{"file", options.source.file}}, "dgrams");
  int64_t count = 0;
  const Status status = ForEach(options, [&](const dgram::Dgram& dgram) {
    report.Add(DgramJson(dgram));
    ++count;
    return Check(dgram);
  });
  Json tail = {{"n_dgrams", NumberJson(count)}};
  options.source.skips.AddTo(&tail);
  DescribeLiveEnd(options.source.live.get(), status, &tail);
  report.Finish(status, tail);
  return status;
}

int Run(LsOptions& options) {
  std::optional<Interruption> interruption;
  if (options.live.given()) interruption.emplace();
  const Status status = List(options);
  if (status.ok()) ReportLiveEnd(options.source.live.get());
  return ReportStatus(status);
}

}  // namespace

void AddDgramLsCommand(CLI::App& dgram, int* exit_code) {
  CLI::App* command = dgram.add_subcommand(
      "ls",
      "List the datagrams of a file, one a line: index, offset, bytes, service, "
      "seconds.nanoseconds, env, and damage if any.");
  auto options = std::make_shared<LsOptions>();
  options->source.AddOptions(*command);
  options->live.AddOption(*command);
  command->add_flag("--json", options->json, kJsonHelp);
  SetDetails(command, {.reads = "one file of XTC2 datagrams, headers alone",
                       .prints = "a line for each datagram, or one JSON object",
                       .examples = {{"alkaid dgram ls run-s000-c000.xtc2", ""}},
                       .exit_codes = ExitCodesOfReaders()});
  command->callback([options, exit_code] { *exit_code = Run(*options); });
}

}  // namespace alkaid::tools
