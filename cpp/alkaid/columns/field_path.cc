#include "alkaid/columns/field_path.h"

#include <algorithm>
#include <new>
#include <set>

#include "absl/strings/str_cat.h"
#include "alkaid/columns/resolved_field_internal.h"

namespace alkaid::columns {

std::string FieldPath::ToString() const {
  return absl::StrCat(detector, "/", segment, "/", algorithm, "/", field);
}

Result<std::vector<FieldPath>> SegmentsOf(const dgram::Configuration& configuration,
                                          std::string_view detector, std::string_view algorithm,
                                          std::string_view field) try {
  std::set<uint32_t> segments;
  for (const dgram::Names& names : configuration.names()) {
    if (names.detector() == detector && names.algorithm().name == algorithm &&
        configuration.Find(names.id()) == &names && names.FieldIndex(field) >= 0) {
      segments.insert(names.segment());
    }
  }
  if (segments.empty()) {
    return status::KeyError("no segment of ", std::string(detector), " declares field \"",
                            std::string(field), "\" of algorithm \"", std::string(algorithm),
                            "\"; there is ", internal::WhatThereIs(configuration));
  }
  std::vector<FieldPath> paths;
  for (const uint32_t segment : segments) {
    paths.push_back({std::string(detector), segment, std::string(algorithm), std::string(field)});
  }
  return paths;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::vector<FieldPath>> AllFields(const dgram::Configuration& configuration) try {
  std::vector<FieldPath> paths;
  std::set<std::string> seen;
  for (const dgram::Names& names : configuration.names()) {
    if (configuration.Find(names.id()) != &names) continue;  // declared again
    for (const dgram::Field& field : names.fields()) {
      FieldPath path{names.detector(), names.segment(), names.algorithm().name, field.name};
      if (seen.insert(path.ToString()).second) paths.push_back(std::move(path));
    }
  }
  return paths;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::columns
