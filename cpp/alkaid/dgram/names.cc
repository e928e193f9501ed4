#include "alkaid/dgram/names.h"

#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/xtc_layout_internal.h"

namespace alkaid::dgram {
namespace {

namespace layout = internal::names_layout;

std::string Text(const uint8_t* bytes) {
  const char* text = reinterpret_cast<const char*>(bytes);
  return std::string(text, ::strnlen(text, Names::kTextBytes));
}

std::string PathOf(const std::string& detector, uint32_t segment, const Algorithm& algorithm) {
  return absl::StrCat(detector, "/", segment, "/", algorithm.name);
}

// What is wrong with a field; empty where it is sound.
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

Result<Names> Names::Parse(const uint8_t* bytes, int64_t extent) try {
  if (extent < kHeaderBytes || (extent - kHeaderBytes) % kFieldBytes != 0) {
    return internal::DataFault("Names of extent ", extent, ", expected ", kHeaderBytes,
                               " plus a multiple of ", kFieldBytes);
  }
  auto shared = std::make_shared<Shared>();
  shared->detector_type = Text(bytes + layout::kDetectorTypeAt);
  shared->detector = Text(bytes + layout::kDetectorNameAt);
  shared->detector_id = Text(bytes + layout::kDetectorIdAt);
  shared->algorithm = {Text(bytes + layout::kAlgorithmAt),
                       LoadUnaligned<uint32_t>(bytes + layout::kAlgorithmVersionAt)};
  const auto segment = LoadUnaligned<uint32_t>(bytes + layout::kSegmentAt);

  const int64_t count = (extent - kHeaderBytes) / kFieldBytes;
  shared->fields.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t* record = bytes + kHeaderBytes + i * kFieldBytes;
    const auto type = LoadUnaligned<uint32_t>(record + layout::kFieldTypeAt);
    const auto rank = LoadUnaligned<uint32_t>(record + layout::kFieldRankAt);
    const std::string wrong = WhatIsWrong(type, rank);
    if (!wrong.empty()) {
      return internal::DataFault("field ", i, " \"", Text(record + layout::kFieldNameAt), "\" of ",
                                 PathOf(shared->detector, segment, shared->algorithm), " ", wrong);
    }
    shared->fields.push_back(
        {Text(record + layout::kFieldNameAt),
         static_cast<DataType>(type),
         static_cast<int>(rank),
         {Text(record), LoadUnaligned<uint32_t>(record + layout::kFieldAlgorithmVersionAt)}});
  }
  return Names(NamesId(Xtc::Read(bytes).src), segment, std::move(shared));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<Names> Names::Make(NamesId id, std::string detector, std::string detector_type,
                          std::string detector_id, uint32_t segment, Algorithm algorithm,
                          std::vector<Field> fields) try {
  auto shared = std::make_shared<Shared>();
  shared->detector = std::move(detector);
  shared->detector_type = std::move(detector_type);
  shared->detector_id = std::move(detector_id);
  shared->algorithm = std::move(algorithm);
  shared->fields = std::move(fields);
  const auto path = [&] { return PathOf(shared->detector, segment, shared->algorithm); };

  const auto fits = [](const std::string& text) {
    return static_cast<int64_t>(text.size()) < kTextBytes && text.find('\0') == std::string::npos;
  };
  if (id.key() > 0xfffff) {
    return status::Invalid("NamesId ", id.ToString(), " is above 0x0fffff");
  }
  if (!fits(shared->detector) || !fits(shared->detector_type) || !fits(shared->detector_id) ||
      !fits(shared->algorithm.name)) {
    return status::Invalid("text of Names ", path(), " has a NUL or ", kTextBytes,
                           " bytes or more");
  }
  for (const Field& field : shared->fields) {
    std::string wrong =
        WhatIsWrong(static_cast<uint32_t>(field.type), static_cast<uint32_t>(field.rank));
    if (wrong.empty() && (!fits(field.name) || !fits(field.algorithm.name))) {
      wrong = absl::StrCat("has text with a NUL, or of ", kTextBytes, " bytes or more");
    }
    if (!wrong.empty()) {
      return status::Invalid("field \"", field.name, "\" of ", path(), " ", wrong);
    }
  }
  return Names(id, segment, std::move(shared));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Names::Names(NamesId id, uint32_t segment, std::shared_ptr<Shared> shared)
    : id_(id), segment_(segment) {
  shared->layout.reserve(shared->fields.size());
  for (const Field& field : shared->fields) {
    shared->layout.push_back(
        {static_cast<uint8_t>(field.element_size()), static_cast<uint8_t>(field.rank), field.type});
    array_count_ += field.rank > 0;
  }
  layout_ = shared->layout.data();
  shared_ = std::move(shared);
}

int Names::FieldIndex(std::string_view name) const {
  const std::vector<Field>& all = fields();
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

std::string Names::ToString() const { return PathOf(detector(), segment_, algorithm()); }

bool operator==(const Names& a, const Names& b) {
  if (a.id_ != b.id_ || a.segment_ != b.segment_) return false;
  return a.shared_ == b.shared_ ||
         (a.detector() == b.detector() && a.detector_type() == b.detector_type() &&
          a.detector_id() == b.detector_id() && a.algorithm() == b.algorithm() &&
          a.fields() == b.fields());
}

}  // namespace alkaid::dgram
