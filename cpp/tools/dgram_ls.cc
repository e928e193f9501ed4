// alkaid dgram ls: one line for each datagram of a file.

#include <cinttypes>
#include <cstdio>
#include <memory>
#include <string>

#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/xtc_walk.h"
#include "commands.h"
#include "dgram_source.h"
#include "exit_code.h"

namespace alkaid::tools {
namespace {

Status PrintLine(const dgram::Dgram& dgram) {
  const dgram::DgramHeader header = dgram.header();
  const std::string damage = header.root.damage.ToString();
  std::printf("%8" PRId64 " %12" PRId64 " %10" PRId64 "  %-12s %10u.%09u  0x%08x%s%s\n",
              dgram.index(), dgram.offset(), dgram.size(), dgram::TransitionName(header.service()),
              header.timestamp.seconds(), header.timestamp.nanoseconds(), header.env,
              damage.empty() ? "" : "  ", damage.c_str());
  // The line stands also where the datagram's inside is at fault. Without a Configuration only the
  // extents can be checked.
  return dgram.configuration() == nullptr ? dgram::CheckExtents(dgram) : dgram::CheckDgram(dgram);
}

int Run(const DgramSource& source) {
  const auto reader = source.Open(/*require_configuration=*/false);
  if (!reader.ok()) return ReportStatus(reader.status());
  return ReportStatus(ForEachDgram(**reader, "reading " + source.file, PrintLine));
}

}  // namespace

void AddDgramLsCommand(CLI::App& dgram, int* exit_code) {
  CLI::App* command = dgram.add_subcommand(
      "ls",
      "List the datagrams of a file, one a line: index, offset, bytes, service, "
      "seconds.nanoseconds, env, and damage where there is any.");
  auto source = std::make_shared<DgramSource>();
  source->AddOptions(*command);
  command->callback([source, exit_code] { *exit_code = Run(*source); });
}

}  // namespace alkaid::tools
