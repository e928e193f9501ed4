// alkaid dgram dump: the declarations and the fields of every datagram of a file.

#include <cinttypes>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "alkaid/dgram/shapes_data.h"
#include "tools/commands.h"
#include "tools/dgram/dgram_json.h"
#include "tools/dgram/dgram_source.h"
#include "tools/dgram/field_text.h"
#include "tools/support/exit_code.h"
#include "tools/support/json_report.h"
#include "tools/support/option_limits.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

using Json = nlohmann::ordered_json;

struct DumpOptions {
  DgramSource source;
  bool json = false;
  int64_t elements = 8;
};

// "hsd serial1234"; empty parts are left out.
std::string DetectorText(const dgram::Names& names) {
  std::string text = NameText(names.detector_type());
  if (!names.detector_id().empty()) {
    text += (text.empty() ? "" : " ") + NameText(names.detector_id());
  }
  return text;
}

class TextDump {
 public:
  explicit TextDump(int64_t elements) : elements_(elements) {}

  Status operator()(const dgram::Dgram& dgram) const {
    const dgram::DgramHeader header = dgram.header();
    std::printf(
        "datagram %" PRId64 "  byte %" PRId64 "  %" PRId64 " bytes  %s  %u.%09u  env 0x%08x%s%s\n",
        dgram.index(), dgram.offset(), dgram.size(), dgram::TransitionName(header.service()),
        header.timestamp.seconds(), header.timestamp.nanoseconds(), header.env,
        header.root.damage.value() != 0 ? "  damage " : "", header.root.damage.ToString().c_str());
    if (header.service() == dgram::TransitionId::kConfigure) PrintNames(dgram);
    const uint8_t* last = nullptr;
    return dgram::ForEachField(dgram, [&](const dgram::ShapesData& data,
                                          const dgram::FieldView& field) {
      if (dgram.data() + data.offset() != last) {
        last = dgram.data() + data.offset();
        std::printf("  %s %s%s%s\n", data.names().id().ToString().c_str(),
                    PathText(data.names()).c_str(), data.damage().value() != 0 ? "  damage " : "",
                    data.damage().ToString().c_str());
      }
      PrintField(data, field);
    });
  }

 private:
  static void PrintNames(const dgram::Dgram& configure) {
    for (const dgram::Names& names : configure.configuration()->names()) {
      std::printf("  Names %s %s  version %s  (%s)\n", names.id().ToString().c_str(),
                  PathText(names).c_str(), names.algorithm().VersionString().c_str(),
                  DetectorText(names).c_str());
      for (const dgram::Field& field : names.fields()) {
        std::printf("    %-32s %s rank %d\n", NameText(field.name).c_str(),
                    dgram::DataTypeName(field.type), field.rank);
      }
    }
  }

  void PrintField(const dgram::ShapesData& data, const dgram::FieldView& field) const {
    const bool cut =
        field.rank() > 0 && field.type() != dgram::DataType::kCharStr && field.size() > elements_;
    const std::string label = LabelOf(data, field);
    std::printf("    %-32s %-16s = %s%s%s%s\n", NameText(field.name()).c_str(),
                FieldTypeText(field).c_str(), ValueText(field, elements_).c_str(),
                cut ? " ..." : "", label.empty() ? "" : "  ", NameText(label).c_str());
  }

  const int64_t elements_;
};

// Adds the declarations of a Configure, and the fields, to `json`; keeps what is before a fault.
Status AddContents(const dgram::Dgram& dgram, int64_t elements, Json* json) {
  if (dgram.service() == dgram::TransitionId::kConfigure) {
    Json& names = (*json)["names"] = Json::array();
    for (const dgram::Names& one : dgram.configuration()->names()) names.push_back(NamesJson(one));
  }
  Json& fields = (*json)["fields"] = Json::array();
  return dgram::ForEachField(dgram,
                             [&](const dgram::ShapesData& data, const dgram::FieldView& field) {
                               fields.push_back(FieldJson(data, field, elements));
                             });
}

int Run(const DumpOptions& options) {
  if (!options.json) {
    return ReportStatus(options.source.ForEach(TextDump(options.elements)));
  }
  JsonReport report({{"file", options.source.file}}, "dgrams");
  int64_t count = 0;
  const Status status = options.source.ForEach([&](const dgram::Dgram& dgram) {
    Json json = DgramJson(dgram);
    const Status contents = AddContents(dgram, options.elements, &json);
    report.Add(json);
    ++count;
    return contents;
  });
  Json tail = {{"n_dgrams", NumberJson(count)}};
  options.source.skips.AddTo(&tail);
  report.Finish(status, tail);
  return ReportStatus(status);
}

}  // namespace

void AddDgramDumpCommand(CLI::App& dgram, int* exit_code) {
  CLI::App* command =
      dgram.add_subcommand("dump", "Print the declarations and the fields of every datagram.");
  auto options = std::make_shared<DumpOptions>();
  options->source.AddOptions(*command);
  command->add_flag("--json", options->json, kJsonHelp);
  command->add_option("--elements", options->elements, "Elements of each array to print")
      ->check(AtLeast(int64_t{0}))
      ->capture_default_str();
  SetDetails(command,
             {.reads = "one file of XTC2 datagrams",
              .prints = "every datagram, what it declares, and its fields; or one JSON object",
              .examples = {{"alkaid dgram dump --elements 4 run-s000-c000.xtc2",
                            "Prints four elements of each array."}},
              .exit_codes = ExitCodesOfReaders()});
  command->callback([options, exit_code] { *exit_code = Run(*options); });
}

}  // namespace alkaid::tools
