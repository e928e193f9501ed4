#include <algorithm>
#include <cstring>
#include <string>

#include "alkaid/dgram/xtc_layout_internal.h"

namespace alkaid::dgram::internal {
namespace {

// The bytes after the text are zero already.
void StoreText(uint8_t* bytes, const std::string& text) {
  std::copy(text.begin(), text.end(), bytes);
}

}  // namespace

bool SameDeclaration(const Names& a, const Names& b) {
  const auto same_field = [](const Field& x, const Field& y) {
    return x.type == y.type && x.rank == y.rank && x.name == y.name;
  };
  return a.segment() == b.segment() && a.detector() == b.detector() &&
         a.algorithm().name == b.algorithm().name &&
         std::equal(a.fields().begin(), a.fields().end(), b.fields().begin(), b.fields().end(),
                    same_field);
}

void StoreDgramHeader(uint8_t* bytes, TransitionId service, Timestamp timestamp, uint32_t env_bits,
                      Damage damage) {
  StoreUnaligned(bytes, timestamp.value());
  StoreUnaligned(bytes + 8, static_cast<uint32_t>(service) << 24 | env_bits);
  StoreXtc(bytes + 12, 0, damage, TypeId::kParent, kXtcHeaderBytes);
}

void StoreNames(uint8_t* bytes, const Names& names) {
  const int64_t extent = NamesExtent(names);
  std::memset(bytes, 0, static_cast<size_t>(extent));
  StoreXtc(bytes, names.id().key(), Damage(), TypeId::kNames, extent);
  StoreUnaligned(bytes + 12, static_cast<uint32_t>(names.array_count()));
  StoreText(bytes + 16, names.detector_type());
  StoreText(bytes + 272, names.detector());
  StoreText(bytes + 528, names.detector_id());
  StoreText(bytes + 784, names.algorithm().name);
  StoreUnaligned(bytes + 1040, names.algorithm().version);
  StoreUnaligned(bytes + 1044, names.segment());
  uint8_t* record = bytes + Names::kHeaderBytes;
  for (const Field& field : names.fields()) {
    StoreText(record, field.algorithm.name);
    StoreUnaligned(record + 256, field.algorithm.version);
    StoreText(record + 260, field.name);
    StoreUnaligned(record + 516, static_cast<uint32_t>(field.type));
    StoreUnaligned(record + 520, static_cast<uint32_t>(field.rank));
    record += Names::kFieldBytes;
  }
}

Result<int64_t> ShapesDataExtent(const Names& names, std::span<const FieldValue> values) {
  if (values.size() < names.fields().size()) {
    return status::Invalid(values.size(), " of the ", names.fields().size(), " fields of ",
                           names.ToString(), " were given");
  }
  if (values.size() > names.fields().size()) {
    return status::Invalid(values.size(), " values, more than the ", names.fields().size(),
                           " fields of ", names.ToString());
  }
  int64_t extent = DataOffset(names) + kXtcHeaderBytes;
  for (size_t i = 0; i < values.size(); ++i) {
    ALKAID_RETURN_NOT_OK(values[i].Check(names, i));
    if (__builtin_add_overflow(extent, values[i].nbytes(), &extent)) extent = kMaxExtent + 1;
    if (extent > kMaxExtent) [[unlikely]] {
      return status::Invalid("data of ", names.ToString(), " up to field \"",
                             names.fields()[i].name, "\" take more than the ", kMaxExtent,
                             " bytes that a header can state");
    }
  }
  return extent;
}

void StoreShapesData(uint8_t* bytes, const Names& names, std::span<const FieldValue> values,
                     Damage damage, int64_t extent) {
  const uint32_t src = names.id().key();
  const int64_t data_at = DataOffset(names);
  StoreXtc(bytes, src, damage, TypeId::kShapesData, extent);
  StoreXtc(bytes + kXtcHeaderBytes, src, Damage(), TypeId::kShapes, names.shapes_extent());
  StoreXtc(bytes + data_at, src, Damage(), TypeId::kData, extent - data_at);
  uint8_t* shape = bytes + 2 * kXtcHeaderBytes;
  uint8_t* data = bytes + data_at + kXtcHeaderBytes;
  for (const FieldValue& value : values) {
    if (value.rank() != 0) {
      value.StoreShapeTo(shape);
      shape += kShapeBytes;
    }
    value.StoreTo(data);
    data += value.nbytes();
  }
}

}  // namespace alkaid::dgram::internal
