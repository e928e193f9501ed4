// alkaid dgram digest: one hash over every field of a file.

#include <cstdio>
#include <memory>

#include "tools/commands.h"
#include "tools/dgram/dgram_json.h"
#include "tools/dgram/dgram_source.h"
#include "tools/dgram/field_digest.h"
#include "tools/support/exit_code.h"
#include "tools/support/json_report.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

using Json = nlohmann::ordered_json;

struct DigestOptions {
  DgramSource source;
  bool json = false;
};

int Run(const DigestOptions& options) {
  FieldDigest digest;
  int64_t count = 0;
  const Status status = options.source.ForEach([&](const dgram::Dgram& dgram) {
    ++count;
    return digest.Add(dgram);
  });
  // Where a fault ends the reading, the digest covers what was read.
  const bool any = count > 0 || status.ok() || status.code() == StatusCode::kDataLoss;
  if (options.json) {
    Json members = {{"file", options.source.file},
                    {"sha256", any ? Json(digest.Hex()) : Json()},
                    {"n_dgrams", NumberJson(count)}};
    options.source.skips.AddTo(&members);
    JsonReport::Print(members, status);
  } else if (any) {
    std::printf("%s\n", digest.Hex().c_str());
  }
  return ReportStatus(status);
}

}  // namespace

void AddDgramDigestCommand(CLI::App& dgram, int* exit_code) {
  CLI::App* command = dgram.add_subcommand(
      "digest", "Print the SHA-256 over every field of a file, up to the first fault.");
  auto options = std::make_shared<DigestOptions>();
  options->source.AddOptions(*command);
  command->add_flag("--json", options->json, kJsonHelp);
  SetDetails(command, {.reads = "one file of XTC2 datagrams",
                       .prints = "the digest in hexadecimal digits, or one JSON object",
                       .examples = {{"alkaid dgram digest run-s000-c000.xtc2", ""}},
                       .exit_codes = ExitCodesOfReaders()});
  command->callback([options, exit_code] { *exit_code = Run(*options); });
}

}  // namespace alkaid::tools
