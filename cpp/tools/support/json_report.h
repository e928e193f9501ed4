// JsonReport: one JSON object on stdout with a list that is too long to be kept: its head, then the
// entries of the list as they come, one a line, then the members that are known at the end.
//
// Threads: one. Out of memory: throws std::bad_alloc.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "alkaid/base/status.h"

namespace alkaid::tools {

// One line of JSON in ASCII; bytes that are not UTF-8 are replaced.
std::string JsonLine(const nlohmann::ordered_json& json);

// The message of `status` as the value of "error"; null where it is OK.
nlohmann::ordered_json ErrorJson(const Status& status);

class JsonReport {
 public:
  // Prints the members of `head`, which is an object or null, and opens the list.
  JsonReport(const nlohmann::ordered_json& head, const std::string& list);
  void Add(const nlohmann::ordered_json& entry);
  // Closes the list and prints the members of `tail`, and "error".
  void Finish(const Status& status, const nlohmann::ordered_json& tail = nullptr);

  // The same without a list: one object on stdout with `members` and "error".
  static void Print(const nlohmann::ordered_json& members, const Status& status);

 private:
  bool first_ = true;
};

}  // namespace alkaid::tools
