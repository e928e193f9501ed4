// alkaid dgram dump: the declarations and the fields of every datagram of a file.

#include <cinttypes>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "alkaid/base/printable_text.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/shapes_data.h"
#include "tools/commands.h"
#include "tools/dgram/dgram_source.h"
#include "tools/dgram/field_text.h"
#include "tools/support/exit_code.h"
#include "tools/support/json_report.h"

namespace alkaid::tools {
namespace {

using Json = nlohmann::ordered_json;

struct DumpOptions {
  DgramSource source;
  bool json = false;
  int64_t elements = 8;
};

// "serial1234 (hsd)", as far as there is something to say.
std::string DetectorText(const dgram::Names& names) {
  std::string text = names.detector_type();
  if (!names.detector_id().empty()) text += (text.empty() ? "" : " ") + names.detector_id();
  return internal::Printable(text);
}

// The label of an enumeration's value, "" where it has none.
std::string LabelOf(const dgram::ShapesData& data, const dgram::FieldView& field) {
  if (field.type() != dgram::DataType::kEnumVal) return {};
  const auto index = static_cast<int>(&field.field() - data.names().fields().data());
  const auto label = data.EnumLabel(index);
  dgram::internal::ThrowIfNoMemory(label.status());
  return label.ok() ? std::string(*label) : std::string();
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
    return dgram::ForEachField(
        dgram, [&](const dgram::ShapesData& data, const dgram::FieldView& field) {
          if (dgram.data() + data.offset() != last) {
            last = dgram.data() + data.offset();
            std::printf("  %s %s%s%s\n", data.names().id().ToString().c_str(),
                        internal::Printable(data.names().ToString()).c_str(),
                        data.damage().value() != 0 ? "  damage " : "",
                        data.damage().ToString().c_str());
          }
          PrintField(data, field);
        });
  }

 private:
  static void PrintNames(const dgram::Dgram& configure) {
    for (const dgram::Names& names : configure.configuration()->names()) {
      std::printf("  Names %s %s  version %s  (%s)\n", names.id().ToString().c_str(),
                  internal::Printable(names.ToString()).c_str(),
                  names.algorithm().VersionString().c_str(), DetectorText(names).c_str());
      for (const dgram::Field& field : names.fields()) {
        std::printf("    %-32s %s rank %d\n", internal::Printable(field.name).c_str(),
                    dgram::DataTypeName(field.type), field.rank);
      }
    }
  }

  void PrintField(const dgram::ShapesData& data, const dgram::FieldView& field) const {
    const bool cut =
        field.rank() > 0 && field.type() != dgram::DataType::kCharStr && field.size() > elements_;
    const std::string label = LabelOf(data, field);
    std::printf("    %-32s %-16s = %s%s%s%s\n", internal::Printable(field.name()).c_str(),
                FieldTypeText(field).c_str(), JsonLine(ValueJson(field, elements_)).c_str(),
                cut ? " ..." : "", label.empty() ? "" : "  ", internal::Printable(label).c_str());
  }

  const int64_t elements_;
};

class JsonDump {
 public:
  explicit JsonDump(int64_t elements) : elements_(elements) {}

  Status operator()(const dgram::Dgram& dgram) {
    const dgram::DgramHeader header = dgram.header();
    Json json = {{"index", dgram.index()},
                 {"offset", dgram.offset()},
                 {"size", dgram.size()},
                 {"service", dgram::TransitionName(header.service())},
                 {"timestamp", header.timestamp.value()},
                 {"seconds", header.timestamp.seconds()},
                 {"nanoseconds", header.timestamp.nanoseconds()},
                 {"env", header.env},
                 {"damage", header.root.damage.value()}};
    if (header.service() == dgram::TransitionId::kConfigure) {
      json["names"] = Json::array();
      for (const dgram::Names& names : dgram.configuration()->names()) {
        json["names"].push_back(NamesJson(names));
      }
    }
    Json fields = Json::array();
    const Status status = dgram::ForEachField(
        dgram, [&](const dgram::ShapesData& data, const dgram::FieldView& field) {
          fields.push_back(FieldJson(data, field));
        });
    json["fields"] = std::move(fields);
    std::printf("%s%s", first_ ? "\n" : ",\n", JsonLine(json).c_str());
    first_ = false;
    return status;
  }

 private:
  static Json NamesJson(const dgram::Names& names) {
    Json fields = Json::array();
    for (const dgram::Field& field : names.fields()) {
      fields.push_back(
          {{"name", field.name}, {"type", dgram::DataTypeName(field.type)}, {"rank", field.rank}});
    }
    return {{"names_id", names.id().ToString()},
            {"detector", names.detector()},
            {"segment", names.segment()},
            {"detector_type", names.detector_type()},
            {"detector_id", names.detector_id()},
            {"algorithm", names.algorithm().name},
            {"version", names.algorithm().VersionString()},
            {"fields", std::move(fields)}};
  }

  Json FieldJson(const dgram::ShapesData& data, const dgram::FieldView& field) const {
    Json shape = Json::array();
    for (int i = 0; i < field.rank(); ++i) shape.push_back(field.dim(i));
    const bool is_array = field.rank() > 0 && field.type() != dgram::DataType::kCharStr;
    Json json = {
        {"detector", data.names().detector()},          {"segment", data.names().segment()},
        {"algorithm", data.names().algorithm().name},   {"name", field.name()},
        {"type", dgram::DataTypeName(field.type())},    {"shape", std::move(shape)},
        {"offset", field.data() - data.dgram().data()}, {"nbytes", field.nbytes()}};
    json[is_array ? "values" : "value"] = ValueJson(field, elements_);
    if (is_array && field.size() > elements_) json["truncated"] = true;
    const std::string label = LabelOf(data, field);
    if (!label.empty()) json["label"] = label;
    return json;
  }

  const int64_t elements_;
  bool first_ = true;
};

int Run(const DumpOptions& options) {
  const auto reader = options.source.Open();
  if (!reader.ok()) return ReportStatus(reader.status());
  const std::string label = "reading " + options.source.file;
  if (!options.json) {
    return ReportStatus(ForEachDgram(**reader, label, TextDump(options.elements)));
  }
  std::printf("{\"file\":%s,\"dgrams\":[", JsonLine(options.source.file).c_str());
  JsonDump dump(options.elements);
  const Status status =
      ForEachDgram(**reader, label, [&](const dgram::Dgram& dgram) { return dump(dgram); });
  const Json fault = status.ok() ? Json() : Json(dgram::internal::MessageText(status));
  std::printf("\n],\"fault\":%s}\n", JsonLine(fault).c_str());
  return ReportStatus(status);
}

}  // namespace

void AddDgramDumpCommand(CLI::App& dgram, int* exit_code) {
  CLI::App* command =
      dgram.add_subcommand("dump", "Print the declarations and the fields of every datagram.");
  auto options = std::make_shared<DumpOptions>();
  options->source.AddOptions(*command);
  command->add_flag("--json", options->json, "One JSON object, with one line for each datagram");
  command->add_option("--elements", options->elements, "Elements of each array to print")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->callback([options, exit_code] { *exit_code = Run(*options); });
}

}  // namespace alkaid::tools
