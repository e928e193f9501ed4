#include "tools/dgram/dgram_json.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "alkaid/dgram/data_fault.h"
#include "tools/dgram/field_text.h"

namespace alkaid::tools {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

Json NumberJson(int64_t number) {
  constexpr int64_t kKeptByAllReaders = int64_t{1} << 53;
  if (number < kKeptByAllReaders) return number;
  return std::to_string(number);
}

Json TimestampJson(dgram::Timestamp timestamp) { return std::to_string(timestamp.value()); }

Json HeaderJson(const dgram::Dgram& dgram) {
  const dgram::DgramHeader header = dgram.header();
  return {{"service", dgram::TransitionName(header.service())},
          {"timestamp", TimestampJson(header.timestamp)},
          {"seconds", header.timestamp.seconds()},
          {"nanoseconds", header.timestamp.nanoseconds()},
          {"size", NumberJson(dgram.size())},
          {"env", header.env},
          {"damage", header.root.damage.value()}};
}

Json DgramJson(const dgram::Dgram& dgram) {
  Json json = {{"index", NumberJson(dgram.index())}, {"offset", NumberJson(dgram.offset())}};
  json.update(HeaderJson(dgram));
  return json;
}

Json NamesJson(const dgram::Names& names) {
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

Json FieldJson(const dgram::ShapesData& data, const dgram::FieldView& field, int64_t elements) {
  Json shape = Json::array();
  for (int i = 0; i < field.rank(); ++i) shape.push_back(field.dim(i));
  const bool is_array = field.rank() > 0 && field.type() != dgram::DataType::kCharStr;
  const int64_t offset = data.dgram().offset() + (field.data() - data.dgram().data());
  Json json = {{"detector", data.names().detector()},
               {"segment", data.names().segment()},
               {"algorithm", data.names().algorithm().name},
               {"name", field.name()},
               {"type", dgram::DataTypeName(field.type())},
               {"rank", field.rank()},
               {"shape", std::move(shape)},
               {"offset", NumberJson(offset)},
               {"size", NumberJson(field.nbytes())}};
  json[is_array ? "values" : "value"] = ValueJson(field, elements);
  if (is_array && field.size() > elements) json["truncated"] = true;
  const std::string label = LabelOf(data, field);
  if (!label.empty()) json["label"] = label;
  return json;
}

std::string LabelOf(const dgram::ShapesData& data, const dgram::FieldView& field) {
  if (field.type() != dgram::DataType::kEnumVal) return {};
  const auto index = static_cast<int>(&field.field() - data.names().fields().data());
  const auto label = data.EnumLabel(index);
  dgram::internal::ThrowIfNoMemory(label.status());
  return label.ok() ? std::string(*label) : std::string();
}

Status CheckReportApart(const std::string& output) {
  std::error_code error;
  if (!std::filesystem::equivalent(output, "/dev/stdout", error) || error) return absl::OkStatus();
  return status::Invalid(output, " is stdout, where --json prints: give it a file of its own");
}

}  // namespace alkaid::tools
