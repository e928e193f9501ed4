#include "alkaid/dgram/writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string>

namespace alkaid::dgram {
namespace {

void Store32(uint8_t* bytes, uint32_t value) { std::memcpy(bytes, &value, sizeof(value)); }
// The bytes behind are zero already.
void StoreText(uint8_t* bytes, const std::string& text) {
  std::copy(text.begin(), text.end(), bytes);
}

}  // namespace

DgramWriter::DgramWriter(MemoryPool* pool)
    : builder_(pool != nullptr ? pool : default_memory_pool()) {}

Status DgramWriter::Drop(Status why) {
  builder_.Rewind(whole_bytes_);
  open_ = Open::kNothing;
  names_ = nullptr;
  return why;
}

Status DgramWriter::Expect(Open state, const char* what) {
  if (open_ == state) return absl::OkStatus();
  const char* const found = open_ == Open::kNothing ? "nothing is open"
                            : open_ == Open::kDgram ? "a datagram is open"
                                                    : "data of a datagram are open";
  return Drop(status::FailedPrecondition(what, " while ", found));
}

Status DgramWriter::AppendXtc(uint32_t src, Damage damage, TypeId type, int64_t payload_bytes) {
  std::array<uint8_t, kXtcHeaderBytes> header = {};
  const uint16_t damage_word = damage.value();
  const auto type_word = static_cast<uint16_t>(type);
  Store32(header.data(), src);
  std::memcpy(header.data() + 4, &damage_word, 2);
  std::memcpy(header.data() + 6, &type_word, 2);
  Store32(header.data() + 8, static_cast<uint32_t>(kXtcHeaderBytes + payload_bytes));
  return builder_.Append(header.data(), header.size());
}

Status DgramWriter::PatchExtent(int64_t at) {
  const int64_t extent = builder_.length() - at;
  if (extent > std::numeric_limits<uint32_t>::max()) {
    return status::Invalid("Xtc of ", extent, " bytes, a header can state ",
                           std::numeric_limits<uint32_t>::max());
  }
  Store32(builder_.mutable_data() + at + 8, static_cast<uint32_t>(extent));
  return absl::OkStatus();
}

Status DgramWriter::Begin(TransitionId service, Timestamp timestamp, uint32_t env_bits,
                          Damage damage) {
  ALKAID_RETURN_NOT_OK(Expect(Open::kNothing, "Begin"));
  if (env_bits > 0xffffff || static_cast<int>(service) > 0x0f) {
    return status::Invalid("env of ", env_bits, ", the limit is ", 0xffffff, "; service ",
                           static_cast<int>(service), ", the limit is 15");
  }
  std::array<uint8_t, 12> words = {};
  Store32(words.data(), timestamp.nanoseconds());
  Store32(words.data() + 4, timestamp.seconds());
  Store32(words.data() + 8, static_cast<uint32_t>(service) << 24 | env_bits);
  Status status = builder_.Append(words.data(), words.size());
  if (status.ok()) status = AppendXtc(0, damage, TypeId::kParent, 0);
  if (!status.ok()) return Drop(status);
  open_ = Open::kDgram;
  configure_ = service == TransitionId::kConfigure;
  return absl::OkStatus();
}

Status DgramWriter::End() {
  ALKAID_RETURN_NOT_OK(Expect(Open::kDgram, "End"));
  const Status status = PatchExtent(whole_bytes_ + kDgramHeaderBytes - kXtcHeaderBytes);
  if (!status.ok()) return Drop(status);
  open_ = Open::kNothing;
  whole_bytes_ = builder_.length();
  ++whole_dgrams_;
  return absl::OkStatus();
}

Status DgramWriter::Declare(const Names& names) {
  ALKAID_RETURN_NOT_OK(Expect(Open::kDgram, "Declare"));
  if (!configure_) {
    return Drop(status::FailedPrecondition("Declare in a datagram that is no Configure"));
  }
  const auto fields = static_cast<int64_t>(names.fields().size());
  const int64_t payload = Names::kHeaderBytes - kXtcHeaderBytes + fields * Names::kFieldBytes;
  const int64_t at = builder_.length();
  Status status = AppendXtc(names.id().key(), Damage(), TypeId::kNames, payload);
  if (status.ok()) status = builder_.Advance(payload);
  if (!status.ok()) return Drop(status);

  uint8_t* const xtc = builder_.mutable_data() + at;
  Store32(xtc + 12, static_cast<uint32_t>(names.array_count()));
  StoreText(xtc + 16, names.detector_type());
  StoreText(xtc + 272, names.detector());
  StoreText(xtc + 528, names.detector_id());
  StoreText(xtc + 784, names.algorithm().name);
  Store32(xtc + 1040, names.algorithm().version);
  Store32(xtc + 1044, names.segment());
  uint8_t* record = xtc + Names::kHeaderBytes;
  for (const Field& field : names.fields()) {
    StoreText(record, field.algorithm.name);
    Store32(record + 256, field.algorithm.version);
    StoreText(record + 260, field.name);
    Store32(record + 516, static_cast<uint32_t>(field.type));
    Store32(record + 520, static_cast<uint32_t>(field.rank));
    record += Names::kFieldBytes;
  }
  return absl::OkStatus();
}

Status DgramWriter::BeginData(const Names& names, Damage damage) {
  ALKAID_RETURN_NOT_OK(Expect(Open::kDgram, "BeginData"));
  const int64_t shapes_bytes = kShapeBytes * names.array_count();
  const uint32_t src = names.id().key();
  shapes_data_at_ = builder_.length();
  shape_at_ = shapes_data_at_ + 2 * kXtcHeaderBytes;
  data_at_ = shape_at_ + shapes_bytes;
  Status status = AppendXtc(src, damage, TypeId::kShapesData, 0);
  if (status.ok()) status = AppendXtc(src, Damage(), TypeId::kShapes, shapes_bytes);
  if (status.ok()) status = builder_.Advance(shapes_bytes);
  if (status.ok()) status = AppendXtc(src, Damage(), TypeId::kData, 0);
  if (!status.ok()) return Drop(status);
  open_ = Open::kData;
  names_ = &names;
  next_field_ = 0;
  return absl::OkStatus();
}

Status DgramWriter::AddField(DataType type, bool type_known, std::span<const uint32_t> shape,
                             const void* data, int64_t nbytes) {
  ALKAID_RETURN_NOT_OK(Expect(Open::kData, "a field"));
  if (next_field_ == names_->fields().size()) {
    return Drop(
        status::Invalid("more values than the ", next_field_, " fields of ", names_->ToString()));
  }
  const Field& field = names_->fields()[next_field_];
  const DataType wanted = field.is_enum() ? DataType::kInt32 : field.type;
  if (!type_known || wanted != type || field.rank != static_cast<int>(shape.size())) {
    return Drop(status::Invalid("field \"", field.name, "\" of ", names_->ToString(), " is ",
                                DataTypeName(field.type), " of rank ", field.rank, ", given as ",
                                DataTypeName(type), " of rank ", shape.size()));
  }
  int64_t needed = field.element_size();
  bool overflow = false;
  for (const uint32_t dimension : shape) {
    overflow |= __builtin_mul_overflow(needed, int64_t{dimension}, &needed);
  }
  if (overflow || needed != nbytes) {
    return Drop(status::Invalid(
        "field \"", field.name, "\" of ", names_->ToString(), " given ", nbytes,
        " bytes, its shape needs ",
        overflow ? std::string("more than 64 bits can count") : absl::StrCat(needed)));
  }
  const Status status = builder_.Append(data, nbytes);
  if (!status.ok()) return Drop(status);
  for (size_t i = 0; i < shape.size(); ++i) {
    Store32(builder_.mutable_data() + shape_at_ + 4 * static_cast<int64_t>(i), shape[i]);
  }
  if (!shape.empty()) shape_at_ += kShapeBytes;
  ++next_field_;
  return absl::OkStatus();
}

Status DgramWriter::String(std::string_view text) {
  const int64_t stored = static_cast<int64_t>(text.size() + 1 + 3) / 4 * 4;
  std::string bytes(text);
  bytes.resize(static_cast<size_t>(stored), '\0');
  if (stored > std::numeric_limits<uint32_t>::max()) {
    return Drop(status::Invalid("text of ", text.size(), " bytes, a shape can state ",
                                std::numeric_limits<uint32_t>::max()));
  }
  const auto length = static_cast<uint32_t>(stored);
  return AddField(DataType::kCharStr, true, std::span<const uint32_t>(&length, 1), bytes.data(),
                  stored);
}

Status DgramWriter::EndData() {
  ALKAID_RETURN_NOT_OK(Expect(Open::kData, "EndData"));
  if (next_field_ != names_->fields().size()) {
    return Drop(status::Invalid(next_field_, " of the ", names_->fields().size(), " fields of ",
                                names_->ToString(), " were given"));
  }
  Status status = PatchExtent(data_at_);
  if (status.ok()) status = PatchExtent(shapes_data_at_);
  if (!status.ok()) return Drop(status);
  open_ = Open::kDgram;
  names_ = nullptr;
  return absl::OkStatus();
}

Result<std::shared_ptr<Buffer>> DgramWriter::Finish() {
  ALKAID_RETURN_NOT_OK(Expect(Open::kNothing, "Finish"));
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> buffer, builder_.Finish());
  whole_bytes_ = 0;
  whole_dgrams_ = 0;
  return buffer;
}

}  // namespace alkaid::dgram
