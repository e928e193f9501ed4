#include "alkaid/events/smd_record.h"

#include <limits>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/shapes_data.h"

namespace alkaid::events {
namespace {

constexpr const char* kDetector = "smdinfo";
constexpr const char* kAlgorithm = "offsetAlg";
constexpr const char* kOffsetField = "intOffset";
constexpr const char* kSizeField = "intDgramSize";

// The plain form of a datagram with a record, in bytes from its start.
constexpr int64_t kShapesDataAt = dgram::kDgramHeaderBytes;
constexpr int64_t kShapesAt = kShapesDataAt + dgram::kXtcHeaderBytes;
constexpr int64_t kDataAt = kShapesAt + dgram::kXtcHeaderBytes;
constexpr int64_t kWordsAt = kDataAt + dgram::kXtcHeaderBytes;
static_assert(kWordsAt + 16 == SmdInfo::kDgramBytes);

// The type and extent of an Xtc in one word, as in its bytes 4 to 11 without damage and version.
constexpr uint64_t kKindMask = 0xffff'ffff'0fff'0000;
constexpr uint64_t Kind(dgram::TypeId type, uint64_t extent) {
  return extent << 32 | static_cast<uint64_t>(type) << 16;
}
uint64_t KindAt(const uint8_t* xtc) { return dgram::LoadUnaligned<uint64_t>(xtc + 4) & kKindMask; }

// Whether a datagram has the plain form: compares all bytes that never differ.
bool IsPlain(const uint8_t* bytes, uint32_t key) {
  const dgram::Damage damage(dgram::LoadUnaligned<uint16_t>(bytes + 16));
  return !damage.corrupted() &&
         dgram::NamesId(dgram::LoadUnaligned<uint32_t>(bytes + kShapesDataAt)).key() == key &&
         KindAt(bytes + kShapesDataAt) ==
             Kind(dgram::TypeId::kShapesData, SmdInfo::kDgramBytes - kShapesDataAt) &&
         KindAt(bytes + kShapesAt) == Kind(dgram::TypeId::kShapes, dgram::kXtcHeaderBytes) &&
         KindAt(bytes + kDataAt) == Kind(dgram::TypeId::kData, dgram::kXtcHeaderBytes + 16);
}

// Whether a datagram of `size` bytes can lie at byte `offset`.
bool CanBeTrue(uint64_t offset, uint64_t size) {
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  constexpr auto kMaxBytes = static_cast<uint64_t>(dgram::DgramHeader::kMaxBytes);
  return size >= dgram::kDgramHeaderBytes && size <= kMaxBytes && offset <= kMax - size;
}

}  // namespace

Result<dgram::Names> SmdInfo::Declaration(dgram::NamesId id) try {
  std::vector<dgram::Field> fields(2);
  fields[0].name = kOffsetField;
  fields[1].name = kSizeField;
  for (dgram::Field& field : fields) field.type = dgram::DataType::kUInt64;
  return dgram::Names::Make(id, kDetector, "offset", "", 0, dgram::Algorithm{kAlgorithm, 0},
                            std::move(fields));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<SmdInfo> SmdInfo::Find(std::shared_ptr<const dgram::Configuration> configuration) try {
  if (configuration == nullptr)
    return dgram::internal::RefusalWithText(StatusCode::kInvalidArgument,
                                            "small data need a Configuration, not null");
  for (const dgram::Names* names : configuration->Find(kDetector, 0, kAlgorithm)) {
    SmdInfo info;
    info.offset_field_ = names->FieldIndex(kOffsetField);
    info.size_field_ = names->FieldIndex(kSizeField);
    if (info.offset_field_ < 0 || info.size_field_ < 0) continue;
    const auto is_word = [&](int index) {
      const dgram::FieldLayout& field = names->layout()[index];
      return field.type == dgram::DataType::kUInt64 && field.rank == 0;
    };
    if (!is_word(info.offset_field_) || !is_word(info.size_field_)) continue;
    info.id_ = names->id();
    if (info.offset_field_ == 0 && info.size_field_ == 1 && names->fields().size() == 2) {
      info.plain_key_ = info.id_.key();
    }
    info.configuration_ = std::move(configuration);
    return info;
  }
  return dgram::internal::RefusalWithText(StatusCode::kNotFound, "the Configure declares no ",
                                          kDetector, "/0/", kAlgorithm, " with ", kOffsetField,
                                          " and ", kSizeField, ": these are not small data");
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<SmdRecord> SmdInfo::Read(const dgram::Dgram& smd) const {
  if (smd.size() == kDgramBytes && smd.configuration() == configuration_ &&
      IsPlain(smd.data(), plain_key_)) [[likely]] {
    const auto offset = dgram::LoadUnaligned<uint64_t>(smd.data() + kWordsAt);
    const auto size = dgram::LoadUnaligned<uint64_t>(smd.data() + kWordsAt + 8);
    if (CanBeTrue(offset, size)) [[likely]] {
      return SmdRecord{static_cast<int64_t>(offset), static_cast<int64_t>(size)};
    }
  }
  return ReadAnyForm(smd);
}

Result<SmdRecord> SmdInfo::ReadAnyForm(const dgram::Dgram& smd) const try {
  if (smd.configuration() != configuration_) {
    return dgram::internal::RefusalWithText(
        StatusCode::kFailedPrecondition, "records of another Configuration than that of datagram ",
        smd.index(), " of ", smd.source());
  }
  dgram::ShapesDataWalk walk(smd);
  while (walk.Next()) {
    const dgram::ShapesData& data = walk.shapes_data();
    if (data.names().id() != id_) continue;
    ALKAID_ASSIGN_OR_RAISE(const dgram::FieldView offset_field, data.field(offset_field_));
    ALKAID_ASSIGN_OR_RAISE(const dgram::FieldView size_field, data.field(size_field_));
    ALKAID_ASSIGN_OR_RAISE(const uint64_t offset, offset_field.Scalar<uint64_t>());
    ALKAID_ASSIGN_OR_RAISE(const uint64_t size, size_field.Scalar<uint64_t>());
    if (!CanBeTrue(offset, size)) {
      return smd.Fault(data.data_offset(),
                       absl::StrCat("small-data record of ", size, " bytes at byte ", offset,
                                    ", the least datagram has ", dgram::kDgramHeaderBytes,
                                    " and the largest ", dgram::DgramHeader::kMaxBytes));
    }
    return SmdRecord{static_cast<int64_t>(offset), static_cast<int64_t>(size)};
  }
  ALKAID_RETURN_NOT_OK(walk.status());
  return status::KeyError(smd.source(), ": byte ", smd.offset(), " (datagram ", smd.index(), ", ",
                          dgram::TransitionName(smd.service()), "): no ", kDetector, " in it");
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::events
