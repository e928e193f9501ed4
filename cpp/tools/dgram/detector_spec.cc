#include "tools/dgram/detector_spec.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace alkaid::tools {
namespace {

using dgram::DataType;
using PlainJson = nlohmann::json;

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (size_t from = 0;;) {
    const size_t to = text.find(separator, from);
    parts.emplace_back(text.substr(from, to - from));
    if (to == std::string_view::npos) return parts;
    from = to + 1;
  }
}

Result<uint32_t> Number(const std::string& text, const std::string& what) {
  uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || stopped != end || error != std::errc()) {
    return status::Invalid("\"", what, "\": \"", text, "\" is not a number from 0 to 4294967295");
  }
  return value;
}

std::optional<DataType> TypeNamed(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  for (int i = 0; i < dgram::kDataTypeCount; ++i) {
    if (name == dgram::DataTypeName(static_cast<DataType>(i))) return static_cast<DataType>(i);
  }
  return std::nullopt;
}

Result<uint32_t> Version(const std::string& text, const std::string& what) {
  const std::vector<std::string> parts = Split(text, '.');
  uint32_t version = 0;
  for (size_t i = 0; i < 3; ++i) {
    uint32_t part = 0;
    if (i < parts.size()) {
      ALKAID_ASSIGN_OR_RAISE(part, Number(parts[i], what));
    }
    if (parts.size() > 3 || part > 255) {
      return status::Invalid("\"", what, "\": a version is up to three numbers of 0 to 255");
    }
    version = version << 8 | part;
  }
  return version;
}

Result<std::vector<uint32_t>> Shape(const std::string& text, const std::string& what) {
  std::vector<uint32_t> shape;
  for (const std::string& dimension : Split(text, 'x')) {
    ALKAID_ASSIGN_OR_RAISE(const uint32_t size, Number(dimension, what));
    shape.push_back(size);
  }
  if (shape.size() > static_cast<size_t>(dgram::kMaxRank)) {
    return status::Invalid("\"", what, "\": ", shape.size(), " dimensions, the limit is ",
                           dgram::kMaxRank);
  }
  return shape;
}

// Adds a field's bytes to the sum, before anything is allocated for it.
Status TakeRoom(const std::string& text, DataType type, const std::vector<uint32_t>& shape,
                int64_t room, DetectorSpec& spec) {
  int64_t nbytes = dgram::DataTypeSize(type);
  bool overflow = false;
  for (const uint32_t size : shape) {
    overflow |= __builtin_mul_overflow(nbytes, int64_t{size}, &nbytes);
  }
  if (overflow || __builtin_add_overflow(spec.nbytes, nbytes, &spec.nbytes) || spec.nbytes > room) {
    return status::Invalid("field \"", text, "\" makes the additions of one datagram ",
                           overflow ? "9223372036854775808 or more" : absl::StrCat(spec.nbytes),
                           " bytes, the room has ", room, " left (--room)");
  }
  return absl::OkStatus();
}

// Parses "NAME:TYPE[:SHAPE]" from the right, as an enumeration's name contains a colon.
Status AddField(const std::string& text, int64_t room, DetectorSpec& spec) {
  std::vector<std::string> parts = Split(text, ':');
  std::vector<uint32_t> shape;
  std::optional<DataType> type = TypeNamed(parts.back());
  if (!type && parts.size() > 2) {
    type = TypeNamed(parts[parts.size() - 2]);
    if (type) {
      ALKAID_ASSIGN_OR_RAISE(shape, Shape(parts.back(), text));
      parts.pop_back();
    }
  }
  if (!type || parts.size() < 2) {
    return status::Invalid("field \"", text, "\" is not NAME:TYPE[:SHAPE], with a TYPE of ",
                           "UINT8, ..., INT64, FLOAT, DOUBLE, CHARSTR, ENUMVAL or ENUMDICT");
  }
  parts.pop_back();
  std::string name = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) name += ":" + parts[i];
  if (*type == DataType::kCharStr) {
    if (!shape.empty()) return status::Invalid("field \"", text, "\": text has no shape");
    shape = {kCountedTextBytes};
  }
  ALKAID_RETURN_NOT_OK(TakeRoom(text, *type, shape, room, spec));
  spec.definition.fields.push_back({std::move(name), *type, static_cast<int>(shape.size()), {}});
  spec.shapes.push_back(std::move(shape));
  return absl::OkStatus();
}

// For messages. Only a scalar is spelled out, as lists may be of any length and depth.
std::string Spelled(const PlainJson& json) {
  if (json.is_array()) return "a list";
  return json.is_object() ? "an object" : json.dump();
}

// `lists`: the depth of lists around `json`.
template <typename T>
Status Collect(const PlainJson& json, const std::string& where, int lists,
               std::vector<T>& elements) {
  if (json.is_array()) {
    if (lists == dgram::kMaxRank) {
      return status::Invalid(where, ": lists in more than ", dgram::kMaxRank, " lists");
    }
    for (const PlainJson& part : json) {
      ALKAID_RETURN_NOT_OK(Collect(part, where, lists + 1, elements));
    }
    return absl::OkStatus();
  }
  bool fits = false;
  if constexpr (std::is_floating_point_v<T>) {
    fits = json.is_number() && std::isfinite(static_cast<T>(json.get<double>()));
  } else if (json.is_number_unsigned()) {
    fits = json.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<T>::max());
  } else if (json.is_number_integer()) {
    fits = std::is_signed_v<T> &&
           json.get<int64_t>() >= static_cast<int64_t>(std::numeric_limits<T>::min());
  }
  if (!fits) {
    return status::Invalid(where, ": ", Spelled(json), " is not of type ",
                           dgram::DataTypeName(dgram::kDataTypeOf<T>));
  }
  elements.push_back(json.get<T>());
  return absl::OkStatus();
}

Status SetValue(const PlainJson& json, const std::string& where, size_t field,
                CountingValues& values) {
  if (values.type(field) == DataType::kCharStr) {
    if (!json.is_string()) return status::Invalid(where, ": ", Spelled(json), " is not a text");
    auto text = json.get<std::string>();
    const size_t nul = text.find('\0');
    if (nul != std::string::npos) {
      return status::Invalid(where, ": the text has a NUL at character ", nul,
                             ", where readers would end it");
    }
    values.SetText(field, std::move(text));
    return absl::OkStatus();
  }
  return WithType(values.type(field), [&](auto zero) -> Status {
    using T = decltype(zero);
    std::vector<T> elements;
    ALKAID_RETURN_NOT_OK(Collect(json, where, 0, elements));
    if (static_cast<int64_t>(elements.size()) != values.size(field)) {
      return status::Invalid(where, ": ", elements.size(), " values, its shape has ",
                             values.size(field));
    }
    values.Set<T>(field, elements);
    return absl::OkStatus();
  });
}

Result<PlainJson> ReadJson(const std::string& path) {
  std::error_code error;
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path, error)) {
    return status::KeyError("values \"", path, "\": neither count, zeros or none, nor a file");
  }
  const std::string text(std::istreambuf_iterator<char>(file), {});
  if (file.bad()) return status::IOError(EIO, "cannot read ", path);
  try {
    return PlainJson::parse(text);
  } catch (const PlainJson::parse_error& malformed) {
    // malformed.byte counts from 1, and may be past the end.
    const auto at =
        static_cast<int64_t>(std::min(std::max<size_t>(malformed.byte, 1) - 1, text.size()));
    return status::Invalid(path, ": not JSON: malformed at byte ", at, ", line ",
                           1 + std::count(text.begin(), text.begin() + at, '\n'));
  } catch (const PlainJson::exception& unfit) {
    return status::Invalid(path, ": unusable JSON: ", unfit.what());
  }
}

}  // namespace

Result<DetectorSpec> ParseDetectorSpec(const std::string& text, int64_t room) {
  DetectorSpec spec;
  dgram::DetectorDefinition& definition = spec.definition;
  std::set<std::string> keys;
  for (const std::string& part : Split(text, ',')) {
    const size_t equals = part.find('=');
    const std::string key = part.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
    if (key != "field" && !keys.insert(key).second) {
      return status::Invalid("\"", part, "\" of \"", text, "\": ", key, "= is given twice");
    }
    if (key == "name") {
      definition.detector = value;
    } else if (key == "type") {
      definition.detector_type = value;
    } else if (key == "id") {
      definition.detector_id = value;
    } else if (key == "alg") {
      const size_t colon = value.find(':');
      definition.algorithm.name = value.substr(0, colon);
      if (colon != std::string::npos) {
        ALKAID_ASSIGN_OR_RAISE(definition.algorithm.version,
                               Version(value.substr(colon + 1), part));
      }
    } else if (key == "segment") {
      ALKAID_ASSIGN_OR_RAISE(definition.segment, Number(value, part));
    } else if (key == "node") {
      ALKAID_ASSIGN_OR_RAISE(definition.node_id, Number(value, part));
    } else if (key == "number") {
      ALKAID_ASSIGN_OR_RAISE(definition.names_id, Number(value, part));
    } else if (key == "field") {
      ALKAID_RETURN_NOT_OK(AddField(value, room, spec));
    } else {
      return status::Invalid("\"", part, "\" of \"", text, "\" is not understood; the parts are ",
                             "name=, alg=, field=, type=, id=, segment=, node= and number=");
    }
  }
  // Reports now what would otherwise fail at the first Configure.
  ALKAID_RETURN_NOT_OK(dgram::MakeDeclaration(definition, {}));
  return spec;
}

bool DetectorSpec::Is(const dgram::Names& names) const {
  const auto& fields = definition.fields;
  return names.detector() == definition.detector && names.segment() == definition.segment &&
         names.algorithm().name == definition.algorithm.name &&
         names.algorithm().version == definition.algorithm.version &&
         definition.node_id.value_or(names.id().node_id()) == names.id().node_id() &&
         definition.names_id.value_or(names.id().names_id()) == names.id().names_id() &&
         std::equal(fields.begin(), fields.end(), names.fields().begin(), names.fields().end(),
                    [](const dgram::Field& a, const dgram::Field& b) {
                      return a.name == b.name && a.type == b.type && a.rank == b.rank;
                    });
}

bool DetectorChoice::Includes(const dgram::Names& names) const {
  return names.detector() == detector && names.algorithm().name == algorithm &&
         (!segment || names.segment() == *segment);
}

Result<DetectorChoice> ParseDetectorChoice(const std::string& text) {
  const std::vector<std::string> parts = Split(text, '.');
  if (parts.size() < 2 || parts.size() > 3 || parts[0].empty() || parts[1].empty()) {
    return status::Invalid("\"", text, "\" is not DETECTOR.ALGORITHM[.SEGMENT]");
  }
  DetectorChoice choice = {parts[0], parts[1], std::nullopt};
  if (parts.size() == 3) {
    ALKAID_ASSIGN_OR_RAISE(choice.segment, Number(parts[2], text));
  }
  return choice;
}

Status SetValuesFromJson(const std::string& path, const std::vector<dgram::Names>& all,
                         std::vector<CountingValues>& values) {
  ALKAID_ASSIGN_OR_RAISE(const PlainJson json, ReadJson(path));
  if (!json.is_object()) return status::Invalid(path, ": not a JSON object");
  for (const auto& [key, fields] : json.items()) {
    ALKAID_ASSIGN_OR_RAISE(const DetectorChoice choice, ParseDetectorChoice(key));
    if (!fields.is_object()) return status::Invalid(path, ": ", key, " is not a JSON object");
    bool known = false;
    for (size_t i = 0; i < all.size(); ++i) {
      if (!choice.Includes(all[i])) continue;
      known = true;
      for (const auto& [name, value] : fields.items()) {
        const std::string where = absl::StrCat(path, ": ", key, ".", name);
        const int field = all[i].FieldIndex(name);
        if (field < 0) return status::Invalid(where, " is not an added field");
        ALKAID_RETURN_NOT_OK(SetValue(value, where, static_cast<size_t>(field), values[i]));
      }
    }
    if (!known) return status::Invalid(path, ": ", key, " is not an added detector");
  }
  return absl::OkStatus();
}

}  // namespace alkaid::tools
