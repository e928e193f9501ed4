// alkaid dgram ls: one line for each datagram of a file.

#include <cinttypes>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/xtc_walk.h"
#include "tools/commands.h"
#include "tools/dgram/dgram_source.h"
#include "tools/support/exit_code.h"
#include "tools/support/json_report.h"

namespace alkaid::tools {
namespace {

struct LsOptions {
  DgramSource source;
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

nlohmann::ordered_json LineJson(const dgram::Dgram& dgram) {
  const dgram::DgramHeader header = dgram.header();
  // The timestamp as text: most readers of JSON keep no more than 53 bits of a number.
  return {{"index", dgram.index()},
          {"offset", dgram.offset()},
          {"size", dgram.size()},
          {"service", dgram::TransitionName(header.service())},
          {"timestamp", std::to_string(header.timestamp.value())},
          {"seconds", header.timestamp.seconds()},
          {"nanoseconds", header.timestamp.nanoseconds()},
          {"env", header.env},
          {"damage", header.root.damage.value()}};
}

// The line stands also where the datagram's inside is at fault. Without a Configuration only the
// extents can be checked.
Status Check(const dgram::Dgram& dgram) {
  return dgram.configuration() == nullptr ? dgram::CheckExtents(dgram) : dgram::CheckDgram(dgram);
}

int Run(const LsOptions& options) {
  const auto reader = options.source.Open(/*require_configuration=*/false);
  if (!reader.ok()) return ReportStatus(reader.status());
  const std::string label = "reading " + options.source.file;
  if (!options.json) {
    return ReportStatus(ForEachDgram(**reader, label, [](const dgram::Dgram& dgram) {
      PrintLine(dgram);
      return Check(dgram);
    }));
  }
  JsonReport report({{"file", options.source.file}}, "datagrams");
  int64_t count = 0;
  const Status status = ForEachDgram(**reader, label, [&](const dgram::Dgram& dgram) {
    report.Add(LineJson(dgram));
    ++count;
    return Check(dgram);
  });
  report.Finish(status, {{"n_dgrams", count}});
  return ReportStatus(status);
}

}  // namespace

void AddDgramLsCommand(CLI::App& dgram, int* exit_code) {
  CLI::App* command = dgram.add_subcommand(
      "ls",
      "List the datagrams of a file, one a line: index, offset, bytes, service, "
      "seconds.nanoseconds, env, and damage where there is any.");
  auto options = std::make_shared<LsOptions>();
  options->source.AddOptions(*command);
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, exit_code] { *exit_code = Run(*options); });
}

}  // namespace alkaid::tools
