#include "tools/support/json_report.h"

#include <cstdio>

namespace alkaid::tools {
namespace {

// Terminals obey more than ASCII's controls, which are the only ones always escaped.
constexpr bool kAsciiAlone = true;

void PrintMembers(const nlohmann::ordered_json& object) {
  for (const auto& [name, value] : object.items()) {
    std::printf("%s: %s,\n", JsonLine(name).c_str(), JsonLine(value).c_str());
  }
}

void PrintEnd(const Status& status) {
  std::printf("\"error\": %s\n}\n", JsonLine(ErrorJson(status)).c_str());
}

}  // namespace

std::string JsonLine(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', kAsciiAlone, nlohmann::ordered_json::error_handler_t::replace);
}

nlohmann::ordered_json ErrorJson(const Status& status) {
  if (status.ok()) return nullptr;
  return internal::MessageOf(status);
}

JsonReport::JsonReport(const nlohmann::ordered_json& head, const std::string& list) {
  std::printf("{\n");
  PrintMembers(head);
  std::printf("%s: [", JsonLine(list).c_str());
}

void JsonReport::Add(const nlohmann::ordered_json& entry) {
  std::printf("%s%s", first_ ? "\n" : ",\n", JsonLine(entry).c_str());
  first_ = false;
}

void JsonReport::Finish(const Status& status, const nlohmann::ordered_json& tail) {
  std::printf("%s],\n", first_ ? "" : "\n");
  PrintMembers(tail);
  PrintEnd(status);
}

void JsonReport::Print(const nlohmann::ordered_json& members, const Status& status) {
  std::printf("{\n");
  PrintMembers(members);
  PrintEnd(status);
}

}  // namespace alkaid::tools
