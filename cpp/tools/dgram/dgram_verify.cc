// alkaid dgram verify: lists everything that is wrong with files of datagrams.

#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "alkaid/base/number_text.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/dgram/verify.h"
#include "tools/commands.h"
#include "tools/dgram/dgram_json.h"
#include "tools/dgram/dgram_source.h"
#include "tools/support/exit_code.h"
#include "tools/support/json_report.h"
#include "tools/support/progress.h"
#include "tools/support/terminal.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

using Json = nlohmann::ordered_json;
using dgram::Finding;
using internal::CountText;

struct VerifyArguments {
  std::vector<std::string> files;
  std::string config;
  int64_t max_dgram_bytes = dgram::kMaxDgramBytes;
  bool json = false;
};

// Keeps a finding on one line, whatever characters the file's names have.
void PrintFinding(const Finding& finding) {
  std::printf("%s\n", internal::Printable(finding.ToString()).c_str());
}

void PrintTotals(const std::string& file, const dgram::VerifyTotals& totals) {
  std::printf("%s: %s, %s, %s, %s", internal::Printable(file).c_str(),
              CountText(totals.dgrams, "datagram").c_str(), CountText(totals.bytes, "byte").c_str(),
              Emphasized(CountText(totals.faults, "fault"),
                         totals.faults > 0 ? Emphasis::kBad : Emphasis::kGood, STDOUT_FILENO)
                  .c_str(),
              CountText(totals.remarks, "remark").c_str());
  if (totals.bytes_not_reached > 0) {
    std::printf(", %s not reached", CountText(totals.bytes_not_reached, "byte").c_str());
  }
  std::printf("\n");
}

// Prints the findings of a file as they come, since there may be many.
class JsonFile {
 public:
  JsonFile(const std::string& file, bool first) {
    std::printf("%s{\"file\": %s, \"findings\": [", first ? "\n" : ",\n", JsonLine(file).c_str());
  }
  void Print(const Finding& finding) {
    const Json json = {
        {"kind", finding.kind == Finding::Kind::kFault ? "fault" : "remark"},
        {"offset", NumberJson(finding.byte)},
        {"dgram_index", NumberJson(finding.dgram_index)},
        {"dgram_offset", NumberJson(finding.dgram_byte)},
        {"text", finding.text},
    };
    std::printf("%s\n%s", first_ ? "" : ",", JsonLine(json).c_str());
    first_ = false;
  }
  void Close(const dgram::VerifyTotals& totals, const Status& status) {
    const Json end = {{"n_dgrams", NumberJson(totals.dgrams)},
                      {"bytes_in", NumberJson(totals.bytes)},
                      {"n_faults", NumberJson(totals.faults)},
                      {"n_remarks", NumberJson(totals.remarks)},
                      {"bytes_not_reached", NumberJson(totals.bytes_not_reached)},
                      {"error", ErrorJson(status)}};
    std::printf("%s], %s", first_ ? "" : "\n", JsonLine(end).c_str() + 1);
  }

 private:
  bool first_ = true;
};

Status CheckFile(const std::string& file, int64_t max_dgram_bytes, dgram::Verifier* verifier) {
  dgram::BatchReaderOptions options = dgram::ForVerifying();
  options.max_dgram_bytes = max_dgram_bytes;
  ALKAID_ASSIGN_OR_RAISE(const auto reader, dgram::BatchReader::Open(file, std::move(options)));
  Progress progress("verifying " + file, reader->end());
  int64_t done = 0;
  for (bool more = true; more;) {
    ALKAID_ASSIGN_OR_RAISE(more, verifier->CheckBatch(*reader));
    progress.Advance(reader->position() - done);
    done = reader->position();
  }
  return absl::OkStatus();
}

int Run(const VerifyArguments& arguments) {
  std::vector<std::string> paths = arguments.files;
  if (!arguments.config.empty()) paths.push_back(arguments.config);
  const auto refuse = [&](const Status& status) {
    if (arguments.json) JsonReport(nullptr, "files").Finish(status);
    return ReportStatus(status);
  };
  const Status differ = CheckStreamsDiffer(paths);
  if (!differ.ok()) return refuse(differ);
  std::shared_ptr<const dgram::ConfigurationHistory> history;
  if (!arguments.config.empty()) {
    auto read = dgram::ConfigurationHistory::Read(arguments.config, arguments.max_dgram_bytes);
    if (!read.ok()) return refuse(read.status());
    history = *std::move(read);
  }
  bool malformed = false;
  bool failed = false;
  std::optional<JsonReport> report;
  if (arguments.json) report.emplace(nullptr, "files");
  for (size_t i = 0; i < arguments.files.size(); ++i) {
    const std::string& file = arguments.files[i];
    std::unique_ptr<JsonFile> json;
    if (arguments.json) json = std::make_unique<JsonFile>(file, i == 0);
    const std::string name = file == "-" ? "stdin" : file;
    dgram::Verifier verifier(
        name,
        [&](const Finding& finding) {
          json != nullptr ? json->Print(finding) : PrintFinding(finding);
        },
        history);
    const Status status = CheckFile(file, arguments.max_dgram_bytes, &verifier);
    if (json != nullptr) {
      json->Close(verifier.totals(), status);
    } else if (status.ok() || verifier.totals().dgrams > 0) {
      PrintTotals(name, verifier.totals());
    }
    if (!status.ok()) ReportStatus(status);
    failed |= !status.ok();
    malformed |= verifier.totals().faults > 0;
  }
  if (report) report->Finish(absl::OkStatus());
  if (malformed) return kExitMalformed;
  return failed ? kExitFailure : kExitOk;
}

}  // namespace

void AddDgramVerifyCommand(CLI::App& dgram, int* exit_code) {
  CLI::App* command = dgram.add_subcommand(
      "verify",
      "Check whole files and list all that is wrong, a line each, and a summary for each file.");
  auto arguments = std::make_shared<VerifyArguments>();
  command->add_option("FILE", arguments->files, "XTC2 files")->required();
  command->add_option("--config", arguments->config, ConfigHelp("FILEs without one"))
      ->type_name("FILE");
  AddMaxDgramBytes(*command, &arguments->max_dgram_bytes);
  command->add_flag("--json", arguments->json, kJsonHelp);
  SetDetails(
      command,
      {.reads = "files of XTC2 datagrams",
       .prints = "a line for each fault and remark, and one for each file; or one JSON object",
       .examples = {{"alkaid dgram verify run-s000-c000.xtc2 run-s001-c000.xtc2", ""}},
       .exit_codes = {{"0", "no file has a fault; remarks do not count"},
                      {"1", "wrong usage, or a file could not be read and none is malformed"},
                      {"2", "a file is malformed"}}});
  command->callback([arguments, exit_code] { *exit_code = Run(*arguments); });
}

}  // namespace alkaid::tools
