#include "alkaid/dgram/detector_definition.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace alkaid::dgram {
namespace {

bool IsLegal(std::string_view name, std::string_view also) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           also.find(c) != std::string_view::npos;
  });
}

Status CheckNamesOf(const DetectorDefinition& definition) {
  const auto check = [](const char* what, const std::string& name) {
    if (IsLegal(name, "")) return absl::OkStatus();
    return status::Invalid(what, " \"", name, "\" must be letters, digits and '_'");
  };
  ALKAID_RETURN_NOT_OK(check("detector", definition.detector));
  ALKAID_RETURN_NOT_OK(check("algorithm", definition.algorithm.name));
  std::unordered_set<std::string_view> seen;
  for (const Field& field : definition.fields) {
    const auto wrong = [&](const char* what) {
      return status::Invalid("field \"", field.name, "\" of ", definition.detector, "/",
                             definition.segment, "/", definition.algorithm.name, " ", what);
    };
    if (!IsLegal(field.name, ".:")) return wrong("must be letters, digits, '_', '.' and ':'");
    const auto colons = std::count(field.name.begin(), field.name.end(), ':');
    if (field.is_enum() &&
        (colons != 1 || field.base_name().empty() || field.enum_type().empty())) {
      return wrong("is an enumeration, whose name is \"value:enumeration\"");
    }
    if (!seen.insert(field.name).second) return wrong("is given twice");
  }
  return absl::OkStatus();
}

// The number for one more declaration. Numbers are given out from 0 up and, by the data
// acquisition, from 255 down: each existing number belongs to the group that it is nearer to.
Result<uint32_t> NextNamesId(const std::vector<Names>& names) {
  uint32_t low = 0;
  uint32_t high = 255;
  for (const Names& one : names) {
    const auto id = static_cast<int>(one.id().names_id());
    const bool is_low =
        std::abs(id - static_cast<int>(low)) <= std::abs(id - static_cast<int>(high));
    if (is_low) {
      low = std::max(low, one.id().names_id());
    } else {
      high = std::min(high, one.id().names_id());
    }
  }
  if (low + 1 >= high) {
    return status::OutOfMemory("no number is left for a declaration: the lower ones reach ", low,
                               ", the upper ones begin at ", high);
  }
  return low + 1;
}

}  // namespace

Result<Names> MakeDeclaration(DetectorDefinition definition, const std::vector<Names>& there) try {
  ALKAID_RETURN_NOT_OK(CheckNamesOf(definition));
  const uint32_t node =
      definition.node_id.value_or(there.empty() ? 0 : there.back().id().node_id());
  uint32_t number = 0;
  if (definition.names_id) {
    number = *definition.names_id;
  } else {
    ALKAID_ASSIGN_OR_RAISE(number, NextNamesId(there));
  }
  if (node > 0xfff || number > 0xff) {
    return status::Invalid("node ", node, " and number ", number, " of ", definition.detector,
                           ", the limits are 4095 and 255");
  }
  return Names::Make(NamesId(node, number), std::move(definition.detector),
                     std::move(definition.detector_type), std::move(definition.detector_id),
                     definition.segment, std::move(definition.algorithm),
                     std::move(definition.fields));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::dgram
