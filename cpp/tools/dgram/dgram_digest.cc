// alkaid dgram digest: one hash over every field of a file.

#include <cstdio>
#include <memory>

#include "tools/commands.h"
#include "tools/dgram/dgram_source.h"
#include "tools/dgram/field_digest.h"
#include "tools/support/exit_code.h"

namespace alkaid::tools {
namespace {

int Run(const DgramSource& source) {
  const auto reader = source.Open();
  if (!reader.ok()) return ReportStatus(reader.status());
  FieldDigest digest;
  const Status status = ForEachDgram(**reader, "reading " + source.file,
                                     [&](const dgram::Dgram& dgram) { return digest.Add(dgram); });
  // What could be read counts, also when a fault ends it.
  if (status.ok() || status.code() == StatusCode::kDataLoss) {
    std::printf("%s\n", digest.Hex().c_str());
  }
  return ReportStatus(status);
}

}  // namespace

void AddDgramDigestCommand(CLI::App& dgram, int* exit_code) {
  CLI::App* command = dgram.add_subcommand(
      "digest",
      "Print the SHA-256 over every field of a file: of all before the fault where there is one.");
  auto source = std::make_shared<DgramSource>();
  source->AddOptions(*command);
  command->callback([source, exit_code] { *exit_code = Run(*source); });
}

}  // namespace alkaid::tools
