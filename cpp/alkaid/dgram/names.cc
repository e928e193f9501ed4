#include "alkaid/dgram/names.h"

#include <array>
#include <cstring>
#include <utility>

#include "alkaid/dgram/xtc_layout_internal.h"

namespace alkaid::dgram {
namespace {

namespace layout = internal::names_layout;

std::string Text(const uint8_t* bytes) {
  const char* text = reinterpret_cast<const char*>(bytes);
  return std::string(text, ::strnlen(text, Names::kTextBytes));
}

// Empty where the field is sound.
std::string WhatIsWrong(uint32_t type, uint32_t rank) {
  if (type >= kDataTypeCount) {
    return absl::StrCat("has type ", type, ", the format knows 0 to ", kDataTypeCount - 1);
  }
  if (rank > kMaxRank) return absl::StrCat("has rank ", rank, ", the limit is ", kMaxRank);
  if (static_cast<DataType>(type) == DataType::kCharStr && rank != 1) {
    return absl::StrCat("is text (CHARSTR) of rank ", rank, ", text has rank 1");
  }
  return {};
}

}  // namespace

const char* DataTypeName(DataType type) {
  static constexpr std::array<const char*, kDataTypeCount> kNames = {
      "UINT8", "UINT16", "UINT32", "UINT64",  "INT8",    "INT16",   "INT32",
      "INT64", "FLOAT",  "DOUBLE", "CHARSTR", "ENUMVAL", "ENUMDICT"};
  const auto index = static_cast<size_t>(type);
  return index < kNames.size() ? kNames[index] : "UNKNOWN";
}

std::string Algorithm::VersionString() const {
  return absl::StrCat(version >> 16 & 0xff, ".", version >> 8 & 0xff, ".", version & 0xff);
}

std::string_view Field::base_name() const {
  const std::string_view whole = name;
  return is_enum() ? whole.substr(0, whole.find(':')) : whole;
}

std::string_view Field::enum_type() const {
  const std::string_view whole = name;
  const size_t colon = whole.find(':');
  if (!is_enum() || colon == std::string_view::npos) return {};
  return whole.substr(colon + 1);
}

Result<Names> Names::Parse(const uint8_t* bytes, int64_t extent) {
  if (extent < kHeaderBytes || (extent - kHeaderBytes) % kFieldBytes != 0) {
    return status::DataLoss("Names of extent ", extent, ", expected ", kHeaderBytes,
                            " plus a multiple of ", kFieldBytes);
  }
  Names names;
  names.id_ = NamesId(Xtc::Read(bytes).src);
  names.detector_type_ = Text(bytes + layout::kDetectorTypeAt);
  names.detector_ = Text(bytes + layout::kDetectorNameAt);
  names.detector_id_ = Text(bytes + layout::kDetectorIdAt);
  names.algorithm_ = {Text(bytes + layout::kAlgorithmAt),
                      LoadUnaligned<uint32_t>(bytes + layout::kAlgorithmVersionAt)};
  names.segment_ = LoadUnaligned<uint32_t>(bytes + layout::kSegmentAt);

  const int64_t count = (extent - kHeaderBytes) / kFieldBytes;
  names.fields_.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t* record = bytes + kHeaderBytes + i * kFieldBytes;
    const auto type = LoadUnaligned<uint32_t>(record + layout::kFieldTypeAt);
    const auto rank = LoadUnaligned<uint32_t>(record + layout::kFieldRankAt);
    const std::string wrong = WhatIsWrong(type, rank);
    if (!wrong.empty()) {
      return status::DataLoss("field ", i, " \"", Text(record + layout::kFieldNameAt), "\" of ",
                              names.ToString(), " ", wrong);
    }
    names.fields_.push_back(
        {Text(record + layout::kFieldNameAt),
         static_cast<DataType>(type),
         static_cast<int>(rank),
         {Text(record), LoadUnaligned<uint32_t>(record + layout::kFieldAlgorithmVersionAt)}});
  }
  names.LayOut();
  return names;
}

Result<Names> Names::Make(NamesId id, std::string detector, std::string detector_type,
                          std::string detector_id, uint32_t segment, Algorithm algorithm,
                          std::vector<Field> fields) {
  Names names;
  names.id_ = id;
  names.segment_ = segment;
  names.detector_ = std::move(detector);
  names.detector_type_ = std::move(detector_type);
  names.detector_id_ = std::move(detector_id);
  names.algorithm_ = std::move(algorithm);
  names.fields_ = std::move(fields);

  const auto fits = [](const std::string& text) {
    return static_cast<int64_t>(text.size()) < kTextBytes && text.find('\0') == std::string::npos;
  };
  if (id.key() > 0xfffff) {
    return status::Invalid("NamesId ", id.ToString(), " is above 0x0fffff");
  }
  if (!fits(names.detector_) || !fits(names.detector_type_) || !fits(names.detector_id_) ||
      !fits(names.algorithm_.name)) {
    return status::Invalid("text of Names ", names.ToString(), " has a NUL or ", kTextBytes,
                           " bytes or more");
  }
  for (const Field& field : names.fields_) {
    std::string wrong =
        WhatIsWrong(static_cast<uint32_t>(field.type), static_cast<uint32_t>(field.rank));
    if (wrong.empty() && (!fits(field.name) || !fits(field.algorithm.name))) {
      wrong = absl::StrCat("has text with a NUL, or of ", kTextBytes, " bytes or more");
    }
    if (!wrong.empty()) {
      return status::Invalid("field \"", field.name, "\" of ", names.ToString(), " ", wrong);
    }
  }
  names.LayOut();
  return names;
}

void Names::LayOut() {
  layout_.reserve(fields_.size());
  for (const Field& field : fields_) {
    layout_.push_back(
        {static_cast<uint8_t>(field.element_size()), static_cast<uint8_t>(field.rank), field.type});
    array_count_ += field.rank > 0;
  }
}

int Names::FieldIndex(std::string_view name) const {
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (fields_[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

std::string Names::ToString() const {
  return absl::StrCat(detector_, "/", segment_, "/", algorithm_.name);
}

}  // namespace alkaid::dgram
